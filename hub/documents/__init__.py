"""Documents that members share: sealed by a registrar, stored by digest, read by audience."""
