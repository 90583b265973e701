"""How CityVitals is run: the embedded stack of a laptop, and production."""
