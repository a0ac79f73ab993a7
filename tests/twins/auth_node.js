// A service as one writes it in Node without a framework: JSON login, a cookie for pages, a token for programs.
// Its faults are read from a file for each request, so that one process serves every test.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const https = require("https");
const path = require("path");

const [chain, key, faultsFile] = process.argv.slice(2);
const users = { ada: "pw-ada-1", sam: "pw-sam-1", sue: "pw-sue-1" };
const secret = crypto.randomBytes(32);
const sessions = new Map();

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (text) => JSON.parse(Buffer.from(text, "base64url").toString());
const sign = (text, by) => crypto.createHmac("sha256", by).update(text).digest("base64url");

function issue(user) {
  const text = encode({ alg: "HS256", typ: "JWT" }) + "." + encode({ sub: user, exp: Date.now() / 1000 + 600 });
  return text + "." + sign(text, secret);
}

function verify(token, faults) {
  const [head, body, signature] = token.split(".");
  let header, claims;
  try {
    [header, claims] = [decode(head), decode(body)];
  } catch {
    return null;
  }
  if (faults.has("trusts-alg") && String(header.alg).toLowerCase() === "none") return claims.sub;
  if (faults.has("no-verification")) return claims.sub;
  if (faults.has("trusts-jwk") && header.jwk) {
    const given = crypto.createPublicKey({ key: header.jwk, format: "jwk" });
    const good = crypto.verify("sha256", Buffer.from(head + "." + body), given, Buffer.from(signature, "base64url"));
    return good ? claims.sub : null;
  }
  if (header.alg !== "HS256") return null;
  let by = secret;
  if (faults.has("kid-is-a-path") && header.kid) {
    try {
      by = fs.readFileSync(path.join("/srv/keys", header.kid));
    } catch {
      return null;
    }
  }
  const wanted = Buffer.from(sign(head + "." + body, by));
  const given = Buffer.from(signature || "");
  return wanted.length === given.length && crypto.timingSafeEqual(wanted, given) ? claims.sub : null;
}

function cookies(request) {
  const pairs = (request.headers.cookie || "").split("; ").map((pair) => pair.split(/=(.*)/s));
  return Object.fromEntries(pairs.filter((pair) => pair[0]));
}

function who(request, faults) {
  const token = (request.headers.authorization || "").replace(/^Bearer /, "");
  if (token) return verify(token, faults);
  return sessions.get(cookies(request).connect) || null;
}

function identifier(brought, faults) {
  if (faults.has("keeps-identifier") && brought) return brought;
  if (faults.has("hashes-clock")) return crypto.createHash("md5").update(String(Date.now())).digest("hex");
  if (faults.has("short")) return crypto.randomBytes(6).toString("hex");
  return crypto.randomBytes(24).toString("base64url");
}

function refuse(response, status, message) {
  response.writeHead(status, { "Content-Type": "application/json", "X-Request-Id": crypto.randomUUID() });
  response.end(JSON.stringify({ error: message, at: new Date().toISOString() }));
}

function login(request, response, document, faults, asToken) {
  const known = Object.hasOwn(users, document.username);
  if (faults.has("names-unknown") && !known) return refuse(response, 404, "wrong credentials");
  const stored = known ? users[document.username] : crypto.randomBytes(8).toString("hex");
  // eslint-disable-next-line eqeqeq -- the fault
  const right = faults.has("loose") ? document.password == stored : document.password === stored;
  if (!known || !right) return refuse(response, 401, "wrong credentials");
  const headers = { "Content-Type": "application/json" };
  if (asToken) {
    response.writeHead(200, headers);
    return response.end(JSON.stringify({ token: issue(document.username) }));
  }
  const id = identifier(cookies(request).connect, faults);
  sessions.set(id, document.username);
  const attributes = ["Path=/"];
  if (!faults.has("no-secure")) attributes.push("Secure");
  if (!faults.has("no-httponly")) attributes.push("HttpOnly");
  attributes.push(faults.has("no-samesite") ? "SameSite=None" : "SameSite=Lax");
  headers["Set-Cookie"] = [`connect=${id}; ${attributes.join("; ")}`, "lang=en; Path=/"];
  response.writeHead(200, headers);
  return response.end(JSON.stringify({ ok: true }));
}

function answer(request, response, body) {
  const faults = new Set(fs.readFileSync(faultsFile, "utf8").split(" ").filter(Boolean));
  const where = request.url.split("?")[0];
  if (request.method === "POST" && (where === "/session" || where === "/token")) {
    let document;
    try {
      document = JSON.parse(body);
    } catch {
      return refuse(response, 400, "not JSON");
    }
    return login(request, response, document, faults, where === "/token");
  }
  if (where === "/me") {
    const user = who(request, faults);
    if (!user) return refuse(response, 401, "log in");
    response.writeHead(200, { "Content-Type": "application/json" });
    return response.end(JSON.stringify({ user }));
  }
  response.writeHead(where === "/" ? 200 : 404, { "Content-Type": "text/html" });
  return response.end("<title>Twin</title><p>A page.");
}

https
  .createServer({ cert: fs.readFileSync(chain), key: fs.readFileSync(key) }, (request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => answer(request, response, body));
  })
  .listen(0, "127.0.0.1", function () {
    console.log(this.address().port);
  });
