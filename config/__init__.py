"""What Crossbar is installed with: every setting with its default, and the recipe of the demo data."""
