"""The hub's HTTP interface: reads projections and documents, takes signed orders and sealed documents, signs nothing."""
