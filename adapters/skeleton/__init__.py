"""A city registry to begin from: `yrdhub adapter new` copies this folder under a name of your own."""
