"""How each registry's sync stands, as its adapter reports it: signed by the registrar, kept by the hub."""
