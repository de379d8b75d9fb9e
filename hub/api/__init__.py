"""The hub's HTTP interface: reads projections and documents, takes orders and sealed documents, signs nothing."""
