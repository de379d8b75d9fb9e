"""Sharing from a city's side: publish, withdraw, subscribe, pull, import; over HTTP, or beside a hub on one machine."""
