// nodemailer with its pool: connections kept for the whole list, templates split once, rows handed over as the pool gets idle.
//
// node nodemailer_pool.mjs PORT FOLDER CONNECTIONS [slips]     (nodemailer is found beside the working folder's package.json)

import { createReadStream, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(join(process.cwd(), 'package.json'));
const nodemailer = require('nodemailer');

const [port, folder, connections, slips] = process.argv.slice(2);
const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };
const escape = (text) => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign]);

function template(name, guard) {
    const pieces = readFileSync(join(folder, name), 'utf8').split(/\{\{ (\w+) \}\}/);
    return (row) => pieces.map((piece, place) => (place % 2 ? guard(row[piece]) : piece)).join('');
}

async function* rows() {
    let names;
    for await (const line of createInterface({ input: createReadStream(join(folder, 'people.csv')) })) {
        const cells = line.split(',');
        if (names) yield Object.fromEntries(names.map((name, place) => [name, cells[place]]));
        else names = cells;
    }
}

const text = template('body.txt', (cell) => cell);
const html = template('body.html', escape);
const pool = nodemailer.createTransport({
    pool: true, host: '127.0.0.1', port: Number(port), secure: false, ignoreTLS: true,
    maxConnections: Number(connections), maxMessages: Infinity,
});

const idle = () => new Promise((resolve) => pool.once('idle', resolve));
const underway = new Set();
for await (const row of rows()) {
    while (!pool.isIdle()) await idle();
    const message = {
        from: 'Office <office@example.org>', to: row.email, subject: `Your token ${row.token}`, text: text(row), html: html(row),
    };
    if (slips) message.attachments = [{ path: join(folder, 'slips', `${row.id}.pdf`), contentType: 'application/pdf' }];
    const sending = pool.sendMail(message).finally(() => underway.delete(sending));
    underway.add(sending);
}
await Promise.all(underway);
pool.close();
