// An Express service as its tutorial has it: what goes wrong is answered by Express itself. Run with NODE_ENV.
"use strict";
const express = require("express");

const app = express();
app.disable("x-powered-by");
app.use((_request, response, next) => {
  response.set("X-Request-Id", String(process.hrtime.bigint()));
  next();
});
app.use(express.json());
app.get("/", (request, response) => response.send("<!doctype html><meta charset=utf-8><title>" + BigInt(request.query.page || "1") + "</title>"));
app.listen(Number(process.argv[2]), "127.0.0.1");
