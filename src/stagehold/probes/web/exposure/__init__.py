"""What must not be served: debug endpoints and files that belong to the people who make the service."""
