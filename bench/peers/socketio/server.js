// The chat that one would write with Socket.IO: rooms, acknowledgement after the INSERT, recovery of lost connections.
// The streams adapter is the one Redis adapter that supports connectionStateRecovery.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import pg from "pg";
import { createClient } from "redis";
import { Server } from "socket.io";

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
await pool.query(`CREATE TABLE IF NOT EXISTS socketio_message (
  id bigserial PRIMARY KEY,
  room text NOT NULL,
  sender text NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
)`);
await pool.query("CREATE INDEX IF NOT EXISTS socketio_message_room ON socketio_message (room, id)");
const INSERT = {
  name: "insert", // prepared once for each connection
  text: "INSERT INTO socketio_message (room, sender, body) VALUES ($1, $2, $3) RETURNING id, created_at",
};

const redis = createClient({ socket: { path: process.env.REDIS_SOCKET } });
redis.on("error", (error) => console.error(error));
await redis.connect();

const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(redis),
  connectionStateRecovery: { maxDisconnectionDuration: 120_000 },
  serveClient: false,
  transports: ["websocket"],
});

io.on("connection", (socket) => {
  const { room, sender } = socket.handshake.auth;
  socket.join(room);
  socket.on("message", async (body, acknowledge) => {
    const stored = await pool.query({ ...INSERT, values: [room, sender, body] });
    const message = { ...stored.rows[0], sender, body };
    socket.to(room).emit("message", message);
    acknowledge(message.id);
  });
});

http.listen(Number(process.env.PORT), "127.0.0.1");
