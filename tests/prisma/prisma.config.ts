import path from 'node:path'
import { defineConfig } from 'prisma/config'
import { PrismaPg } from '@prisma/adapter-pg'

// The engine gives up waiting for its advisory lock after 10 s, and forgets to stop that clock
// once it has the lock: without this every command that writes would end 10 s late.
const startTimer = globalThis.setTimeout
globalThis.setTimeout = ((...call: Parameters<typeof startTimer>) => {
  const timer = startTimer(...call)
  if (call[1] === 10_000) timer.unref()
  return timer
}) as typeof startTimer

// Discrete fields, NOT connectionString: with connectionString, pg ignores the
// `database` that the adapter sets for its shadow connection, so shadow-database
// commands (migrate dev, migrate diff --from-migrations) would write to the real one.
const url = new URL(process.env.DATABASE_URL!)

function adapter() {
  const factory = new PrismaPg({
    allowExitOnIdle: true, // else every CLI call lingers 10 s on the idle pool
    host: url.searchParams.get('host') ?? url.hostname, // a socket's directory, as libpq has it
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password) || undefined,
    database: decodeURIComponent(url.pathname.slice(1)),
  })
  // The stock adapter runs script.split(';'), which breaks on ';' in strings,
  // comments and $$ bodies. Send the script whole, as one simple query.
  const connect = factory.connect.bind(factory)
  factory.connect = async () => {
    const conn: any = await connect()
    conn.executeScript = async (script: string) => {
      try {
        await conn.client.query(script)
      } catch (error) {
        conn.onError(error)
      }
    }
    return conn
  }
  return factory
}

export default defineConfig({
  experimental: { adapter: true },
  engine: 'js',
  schema: path.join('prisma', 'schema.prisma'),
  migrations: { path: path.join('prisma', 'migrations') },
  adapter: async () => adapter(),
})
