"""Live views: sliders above a picture, bertviz with no network."""
