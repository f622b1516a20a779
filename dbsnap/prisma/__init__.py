"""A Prisma project's own files, read without Node.js and without a server."""
