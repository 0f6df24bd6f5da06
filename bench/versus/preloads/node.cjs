// Points a bot on Node.js to loopback, whatever its library: node --require node.cjs, or NODE_OPTIONS.
// THREADLINE_VERSUS_ENDPOINT holds loopback's address.
//
// It works below the libraries: a TLS connection to Discord's API becomes a plain one to loopback, and the Host header
// of each request names loopback, which serves no other. The gateway's address comes from loopback's own answer.
// Bundled code and every version of discord.js, undici and fetch connect through here.
"use strict";
const module_ = require("node:module");
const net = require("node:net");
const tls = require("node:tls");

const API_HOST = "discord.com";
const HOST_OF_A_REQUEST = /^([A-Z]+ \S+ HTTP\/1\.1\r\n(?:[^\r\n]+\r\n)*?host: )discord\.com(?=\r\n)/i;

function redirect(endpoint) {
  const { host, hostname, port } = new URL(endpoint);
  const named = (head) => head.replace(HOST_OF_A_REQUEST, (_, before) => before + host);
  const connect = tls.connect;

  tls.connect = function (...given) {
    const options = given.find((each) => each !== null && typeof each === "object") ?? {};
    const wanted = options.host ?? given.find((each) => typeof each === "string");
    if ((options.servername || wanted) !== API_HOST) return connect.apply(this, given);
    const socket = net.connect({ host: hostname, port: Number(port) });
    const write = socket.write;
    socket.write = function (data, ...rest) {
      return write.call(this, typeof data === "string" ? named(data) : data, ...rest);
    };
    socket.authorized = socket.encrypted = true;
    socket.once("connect", () => socket.emit("secureConnect"));
    const listener = given.find((each) => typeof each === "function");
    if (listener) socket.once("secureConnect", listener);
    return socket;
  };
  module_.syncBuiltinESMExports();
}

if (process.env.THREADLINE_VERSUS_ENDPOINT) redirect(process.env.THREADLINE_VERSUS_ENDPOINT);
