"""The pages: rendered on the server, of use without JavaScript, with no content from elsewhere."""
