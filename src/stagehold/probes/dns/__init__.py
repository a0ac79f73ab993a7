"""Name servers, asked as anybody on the network may ask them."""
