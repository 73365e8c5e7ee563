"""A `.nic` in any browser: a decoder in JavaScript and WebAssembly, an element for pages, a site."""
