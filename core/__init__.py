"""All that is true about scans, masks, projects, formats and metrics; knows neither Qt nor torch."""
