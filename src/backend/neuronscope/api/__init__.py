"""The REST face: security, schemas, thin routes."""
