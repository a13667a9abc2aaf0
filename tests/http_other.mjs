// http_other.mjs - what Node's HTTP server (llhttp) understands of raw streams.
//
//   node http_other.mjs FILE
//
// FILE holds streams: four bytes of length, the lowest first, then the bytes.
// Each is sent whole on a connection of its own to a server on 127.0.0.1, and
// one line of output tells, in the order of the file,
//   END TAB request TAB request ...
// A request is one whose body is complete:
//   METHOD TARGET VERSION NAME=VALUE ... 'BODY'
// with every byte that is no printable ASCII, and each % and = and ', as %XX.
// END: "-" the stream ended between two requests, "EOF" within one, "UPGRADE" or
// "CLOSED" what follows the last request is not taken for HTTP, else the parser's
// error.  The server never answers: what is parsed does not depend on
// it.
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';

const AT_A_TIME = 16;

const quote = (bytes) => {
  let out = '';
  for (const b of bytes)
    out += b > 0x20 && b < 0x7f && b !== 0x25 && b !== 0x3d && b !== 0x27
      ? String.fromCharCode(b) : '%' + b.toString(16).toUpperCase().padStart(2, '0');
  return out;
};
const quoted = (text) => quote(Buffer.from(text, 'latin1'));

// Both ends of a connection, known by the client's port, meet here.
const meetings = new Map();
const meeting = (port) => {
  if (!meetings.has(port)) {
    const m = {};
    m.over = new Promise((resolve) => { m.resolve = resolve; });
    meetings.set(port, m);
  }
  return meetings.get(port);
};

const server = http.createServer({ insecureHTTPParser: false,
                                   requireHostHeader: false, maxHeaderSize: 16384 });
server.httpAllowHalfOpen = true;
server.headersTimeout = server.requestTimeout = server.keepAliveTimeout = 0;

server.on('connection', (socket) => {
  const port = socket.remotePort;
  socket.saw = [];
  socket.on('end', () => { socket.why ??= socket.last ?? '-'; socket.destroy(); });
  socket.on('close', () => {
    meeting(port).resolve([socket.why ?? 'CLOSED', ...socket.saw].join('\t'));
  });
});

// The parser hands the body on through push(), and null at its end: taken at
// once, because an error behind the request would drop what is not yet read.
const onRequest = (req) => {
  const body = [];
  if (req.headers.upgrade !== undefined &&
      /\bupgrade\b/i.test(req.headers.connection ?? ''))
    req.socket.last = 'UPGRADE';             // it hands on what follows
  req.push = (piece) => {
    if (piece !== null) {
      body.push(Buffer.from(piece));
      return true;
    }
    const h = [];
    for (let i = 0; i < req.rawHeaders.length; i += 2)
      h.push(' ' + quoted(req.rawHeaders[i]) + '=' + quoted(req.rawHeaders[i + 1]));
    req.socket.saw.push(`${quoted(req.method)} ${quoted(req.url)} ${req.httpVersion}` +
                        `${h.join('')} '${quote(Buffer.concat(body))}'`);
    return true;
  };
};
for (const event of ['request', 'checkContinue', 'checkExpectation'])
  server.on(event, onRequest);

server.on('clientError', (err, socket) => {
  socket.why ??= err.code === 'HPE_INVALID_EOF_STATE' ? 'EOF' : err.code ?? 'ERROR';
  socket.destroy();
});

function send(stream) {
  return new Promise((resolve, reject) => {
    let port;
    const client = net.connect(server.address().port, '127.0.0.1', () => {
      port = client.localPort;
      client.end(stream);
    });
    client.on('error', () => {});            // it was reset, as always
    client.on('close', async () => {
      if (port === undefined) {
        reject(new Error('cannot connect'));
        return;
      }
      const line = await meeting(port).over;
      meetings.delete(port);
      resolve(line);
    });
    client.resume();
  });
}

const file = fs.readFileSync(process.argv[2]);
const streams = [];
for (let at = 0; at < file.length;) {
  const n = file.readUInt32LE(at);
  streams.push(file.subarray(at + 4, at + 4 + n));
  at += 4 + n;
}

server.listen(0, '127.0.0.1', async () => {
  const lines = new Array(streams.length);
  let next = 0;
  const one = async () => {
    while (next < streams.length) {
      const i = next++;
      lines[i] = await send(streams[i]);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
  process.stdout.write(lines.join('\n') + '\n', () => process.exit(0));
});
