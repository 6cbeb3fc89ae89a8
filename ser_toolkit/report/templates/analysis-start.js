readRows();
startTable();
startDetail();
startTheme();
drawOverview();
document.documentElement.dataset.ready = "true";
