"""The network and everything that happens without HTTP: rows -> arrays -> network -> artifact."""
