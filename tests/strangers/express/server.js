// A stranger's shop: Express with a login of its own, a page and a little JSON. Knows nothing of stagehold.
// Run as `node server.js FOLDER ADDRESS PORT [FAULT ...]` with NODE_PATH at the installed packages.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const express = require('express');
const helmet = require('helmet');

const [folder, address, port, ...faults] = process.argv.slice(2);
const fault = (name) => faults.includes(name);
const people = new Map();
for (const line of fs.readFileSync(path.join(folder, 'people.txt'), 'utf8').trim().split('\n')) {
  const [email, shop, password] = line.split('\t');
  const salt = crypto.randomBytes(16);
  people.set(email, { email, shop, salt, hash: crypto.scryptSync(password, salt, 32, { N: 4096 }) });
}
const sessions = new Map();
const orders = new Map();
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const app = express();
app.disable('x-powered-by');
app.use(helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"], scriptSrc: ["'self'"], objectSrc: ["'none'"], baseUri: ["'none'"],
      formAction: ["'self'"], frameAncestors: ["'none'"],
    },
  },
  strictTransportSecurity: { maxAge: 63072000, includeSubDomains: true },
}));
if (fault('names-its-version')) app.use((_req, res, next) => { res.set('X-Powered-By', 'Express/5.1.0'); next(); });
app.use(express.urlencoded({ extended: false }));
app.use(express.json());
app.use((req, res, next) => {
  res.set('Cache-Control', 'no-store');
  const found = /(?:^|; )shop_sid=([^;]+)/.exec(req.headers.cookie || '');
  req.sid = found && found[1];
  req.session = sessions.get(req.sid);
  next();
});
const page = (title, body) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body>${body}</body></html>`;

app.use((req, res, next) => (req.hostname === 'shop.stranger.test' ? next()
  : res.status(421).send(page('Misdirected', '<p>This shop has another name.</p>'))));

app.get('/signin', (_req, res) => res.send(page('Sign in',
  '<form action="/signin" method="post"><label>E-mail <input type="email" name="mail"></label>'
  + '<label>Passphrase <input type="password" name="phrase"></label><button>Sign in</button></form>')));

app.post('/signin', (req, res) => {
  const person = people.get(req.body && req.body.mail);
  const phrase = String((req.body && req.body.phrase) || '');
  const hash = crypto.scryptSync(phrase, person ? person.salt : 'nobody', 32, { N: 4096 });
  if (!person || !crypto.timingSafeEqual(hash, person.hash)) {
    const text = fault('tells-unknown-people') && !person ? 'There is no such account.' : 'That did not work.';
    return res.status(401).send(page('Sign in', `<p>${text}</p><form action="/signin" method="post">`
      + '<input type="email" name="mail"><input type="password" name="phrase"><button>Sign in</button></form>'));
  }
  let sid = crypto.randomBytes(24).toString('base64url');
  if (fault('keeps-the-session-id') && req.sid) sid = req.sid;
  sessions.set(sid, { person });
  res.cookie('shop_sid', sid, { secure: true, httpOnly: !fault('cookie-for-scripts'), sameSite: 'lax', path: '/' });
  return res.redirect(303, '/');
});

app.post('/signout', (req, res) => {
  sessions.delete(req.sid);
  res.clearCookie('shop_sid', { secure: true, httpOnly: true, sameSite: 'lax', path: '/' });
  res.redirect(303, '/signin');
});

if (fault('orders-without-login')) app.get('/orders', (_req, res) => res.json([...orders.values()]));
app.use((req, res, next) => (req.session ? next() : res.redirect(302, '/signin')));
app.get('/', (req, res) => res.send(page('Shop', `<p>Hello ${escape(req.session.person.email)}</p>`
  + '<a href="/orders">Orders</a><form action="/signout" method="post"><button>Sign out</button></form>')));
app.get('/me.json', (req, res) => res.json({ account: { mail: req.session.person.email, shop: req.session.person.shop } }));
app.get('/orders', (req, res) => res.json([...orders.values()].filter((o) => o.shop === req.session.person.shop)));
app.post('/orders', (req, res) => {
  const order = { number: orders.size + 1, shop: req.session.person.shop, note: String((req.body || {}).note || '') };
  orders.set(order.number, order);
  res.status(201).json(order);
});
app.get('/orders/:number', (req, res) => {
  const order = orders.get(Number(req.params.number));
  if (!order || (order.shop !== req.session.person.shop && !fault('read-forgets-shop'))) return res.status(404).json({ error: 'not found' });
  return res.json(order);
});
app.use((_req, res) => res.status(404).send(page('Not found', '<p>Not found.</p>')));
app.use((error, _req, res, _next) => {
  const id = crypto.randomUUID();
  const text = fault('shows-stack') ? `<pre>${escape(error.stack)}</pre>` : `<p>Something went wrong (${id}).</p>`;
  res.status(error.status || 500).send(page('Error', text));
});

https.createServer({
  key: fs.readFileSync(path.join(folder, 'key.pem')),
  cert: fs.readFileSync(path.join(folder, 'chain.pem')),
  ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
}, app).listen(Number(port), address, () => console.log('ready'));
