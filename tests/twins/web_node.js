// A single-page application as one serves it in Node without a framework: its shell for every path, JSON below /api.
// Its faults are read from a file for each request, so that one process serves every test.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const http = require("http");

const [faultsFile] = process.argv.slice(2);
const bundle = "'use strict';\nconst root = document.getElementById('root');\nroot.textContent = 'Shop';\n";
const swagger = "<!doctype html><title>Docs</title><div id='swagger-ui'></div>";
const phpMyAdmin = "<!doctype html><title>phpMyAdmin</title><form><input name=\"pma_username\"><input name=\"pma_password\"></form>";

function shell(title, nonce) {
  return "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n<title>" + title + "</title>\n"
    + "<script nonce=\"" + nonce + "\" src=\"/bundle.js\"></script>\n</head>\n<body>\n<div id=\"root\"></div>\n</body></html>\n";
}

function api(url, faults) {
  if (url.pathname === "/api/prices") {
    if (faults.has("throws") || faults.has("tells-stack")) {
      try {
        return [200, { price: Number(BigInt(url.searchParams.get("id") || "7")) }];
      } catch (error) {
        return [500, { error: faults.has("tells-stack") ? error.stack : "Something went wrong.", request_id: crypto.randomUUID() }];
      }
    }
    return [200, { price: 7, currency: "EUR" }];
  }
  return [404, { error: "Nothing is there. An Exception in a help text is no leak.", request_id: crypto.randomUUID() }];
}

function answer(request, faults) {
  const nonce = crypto.randomBytes(18).toString("base64");
  const policy = faults.has("eval")
    ? "default-src 'none'; script-src 'self' 'unsafe-eval'; base-uri 'none'"
    : "default-src 'none'; connect-src 'self'; script-src 'nonce-" + nonce + "' 'strict-dynamic'; base-uri 'self'";
  const headers = { "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8" };
  let url;
  try {
    url = new URL(request.url, "http://shop");
    decodeURIComponent(url.pathname);
  } catch {
    return [400, headers, shell("That address cannot be read", nonce)];
  }
  if (url.pathname.startsWith("/api/")) {
    const [status, document] = api(url, faults);
    return [status, { ...headers, "Content-Type": "application/json" }, JSON.stringify(document)];
  }
  if (!["GET", "HEAD"].includes(request.method)) return [405, headers, shell("Not so", nonce)];
  if (url.pathname === "/bundle.js") return [200, { ...headers, "Content-Type": "text/javascript; charset=utf-8" }, bundle];
  if (faults.has("bundle-copies") && url.pathname === "/bundle.js.old") return [200, { ...headers, "Content-Type": "application/octet-stream" }, bundle];
  if (faults.has("docs") && url.pathname === "/api-docs/") return [200, headers, swagger];
  if (faults.has("git") && url.pathname === "/.git/HEAD") return [200, { ...headers, "Content-Type": "application/octet-stream" }, "ref: refs/heads/main\n"];
  if (faults.has("console") && url.pathname === "/pma/") return [200, headers, phpMyAdmin];
  if (faults.has("console-asks") && url.pathname.startsWith("/mongo-express")) {
    return [401, { ...headers, "WWW-Authenticate": "Basic realm=\"mongo-express\"" }, "Unauthorized"];
  }
  if (faults.has("console-refused") && url.pathname === "/adminer.php") return [403, headers, shell("Forbidden", nonce)];
  if (faults.has("prefix") && url.pathname.startsWith("/bundle.js")) return [200, { ...headers, "Content-Type": "text/javascript; charset=utf-8" }, bundle + "// " + url.pathname.length + "\n"];
  if (faults.has("blocks") && /\.(git|env|sql)/.test(url.pathname)) {
    return [403, { ...headers, "CF-Mitigated": "challenge" }, shell("Just a moment", nonce)];
  }
  return [200, headers, shell(faults.has("repeats") ? "No page " + url.pathname + " in this shop" : "Shop", nonce)];
}

const server = http.createServer((request, response) => {
  const faults = new Set(fs.readFileSync(faultsFile, "utf8").split("\n"));
  request.resume();
  const [status, headers, body] = answer(request, faults);
  response.writeHead(status, headers);
  response.end(body);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
