"""The Web API's methods, by family. Each takes the site and its arguments and answers what stands beside `ok: true`."""
