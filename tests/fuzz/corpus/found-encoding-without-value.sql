SET client_encoding;
