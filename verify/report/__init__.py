"""What the user sees: claims, runs and errors as styled lines or as one JSON object. Nothing here prints."""
