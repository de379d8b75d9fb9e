"""Personal scenario records from a platform that speaks the AntChain carbon-account wire format."""
