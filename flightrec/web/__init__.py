"""The recorder inside Python web services: middleware for WSGI and ASGI."""
