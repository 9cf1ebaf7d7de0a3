"""The hub service: it refreshes the catalogue, publishes the menu state, and listens to registries."""
