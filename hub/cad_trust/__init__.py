"""What the hub holds, in the form of CAD Trust's data model: from the projections and public documents alone."""
