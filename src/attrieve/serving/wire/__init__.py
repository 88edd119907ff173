"""What travels between the service and its clients: pydantic models, one file for each subject."""
