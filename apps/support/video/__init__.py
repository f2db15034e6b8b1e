"""The video pipeline. `README.md` beside this file tells the flow in twelve lines."""
