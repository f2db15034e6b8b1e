"""How the api meets the network: requests run in threads as WSGI, event streams wait on the loop."""
