"""The life of the service: what a service manager is told, what a reload changes, what is kept ready beside it."""
