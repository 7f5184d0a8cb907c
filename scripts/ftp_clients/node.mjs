// basic-ftp for Node.js, for scripts/ftp-clients --all: uploads, lists, downloads and removes files in one login.
import { createRequire } from "node:module";
import { readdirSync, readFileSync } from "node:fs";

const { Client } = createRequire(`${process.env.FTP_NODE}/x`)("basic-ftp");
const { FTP_UP: up, FTP_DOWN: down, FTP_TLS: tls, FTP_PORT: port, FTP_CERT: cert } = process.env;
const client = new Client(20000);
try {
  const secureOptions = { ca: readFileSync(cert), maxVersion: tls === "1.2" ? "TLSv1.2" : undefined };
  await client.access({ host: "localhost", port: Number(port), secure: tls !== "", secureOptions });
  const names = readdirSync(up).sort();
  for (const name of names) await client.uploadFrom(`${up}/${name}`, name);
  const listed = (await client.list()).map((file) => file.name);
  for (const name of names) if (!listed.includes(name)) throw new Error(`${name} is not listed`);
  for (const name of names) await client.downloadTo(`${down}/${name}`, name);
  for (const name of names) await client.remove(name);
} catch (err) {
  console.error(String(err));
  process.exitCode = 1;
}
client.close();
