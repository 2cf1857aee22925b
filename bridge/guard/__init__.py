"""What may harm, and what did not arrive: spam, look-alikes, held files, bounces."""
