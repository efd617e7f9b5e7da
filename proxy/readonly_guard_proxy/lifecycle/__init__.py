"""The life of the service around its sessions: what a service manager is told, and what a reload changes."""
