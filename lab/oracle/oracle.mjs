// ODK's own form engine (@getodk/xforms-engine) behind lines of JSON: one request a line on standard input, one reply a
// line on standard output. A request names what to do:
//
//	{"do": "load", "form": XML, "files": {NAME: TEXT}}   begins a form; the reply is its state
//	{"do": "set", "ref": "/data/a", "value": "12"}       answers a question
//	{"do": "add", "ref": "/data/cells"}                  appends an instance to a repeat
//	{"do": "remove", "ref": "/data/cells[2]"}            takes an instance out
//
// A reply is {"state": [...]}, or {"error": "..."} where the engine refuses. The clock stands still at the moment that
// the first argument names, and the time zone is the process's TZ.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { JSDOM } from 'jsdom';

const dom = new JSDOM('');
for (const name of Object.getOwnPropertyNames(dom.window)) {
	if (/^[A-Z]/.test(name) && !(name in globalThis)) {
		globalThis[name] = dom.window[name];
	}
}
globalThis.window = dom.window;
globalThis.document = dom.window.document;
// The bundle looks for the parser of its expressions beside itself, as a CommonJS module would.
globalThis.require = createRequire(import.meta.url);
globalThis.__dirname = new URL('./node_modules/@getodk/xforms-engine/dist', import.meta.url).pathname;

const moment = Date.parse(process.argv[2] ?? '2026-11-24T09:30:00Z');
const RealDate = Date;
globalThis.Date = class extends RealDate {
	constructor(...args) {
		args.length === 0 ? super(moment) : super(...args);
	}
	static now() {
		return moment;
	}
};

// What the engine tells its own developers is not part of a reply.
for (const level of ['log', 'info', 'warn', 'error', 'debug']) {
	console[level] = () => {};
}

const { loadForm } = await import('@getodk/xforms-engine');

let root;

async function load({ form, files = {} }) {
	const result = await loadForm(form, {
		fetchFormAttachment: async (url) => {
			const name = decodeURIComponent(String(url).split('/').pop());
			return name in files ? new Response(files[name]) : new Response('', { status: 404 });
		},
		missingResourceBehavior: 'BLANK',
	});
	if (result.status === 'failure') {
		throw result.error;
	}
	root = result.createInstance({
		preloadProperties: { deviceID: 'laptop-1', email: 'a@example.org', username: 'Aigerim', phoneNumber: '77001234567' },
	}).root;
}

// children are the nodes below one, instances of repeats in place of the range that holds them.
const children = (node) => node.currentState.children ?? [];

function* every(node) {
	yield node;
	for (const child of children(node)) {
		yield* every(child);
	}
}

function find(ref, kind) {
	for (const node of every(root)) {
		if (place(node) === ref && kind(node)) {
			return node;
		}
	}
	throw new Error(`nothing at ${ref}`);
}

const isRange = (node) => node.nodeType.startsWith('repeat-range');
const place = (node) => node.currentState.reference;

function set({ ref, value }) {
	const node = find(ref, (n) => !isRange(n));
	switch (node.nodeType) {
		case 'select':
			if (node.selectType === 'select1') {
				return node.selectValue(value === '' ? null : value);
			}
			return node.selectValues(value.split(/\s+/).filter(Boolean));
		case 'rank':
			return node.setValues(value.split(/\s+/).filter(Boolean));
		case 'trigger':
			return node.setValue(value === 'OK');
		case 'input':
		case 'range':
			return node.setValue(value);
		default:
			throw new Error(`a ${node.nodeType} takes no answer`);
	}
}

function add({ ref }) {
	const range = find(ref, isRange);
	range.addInstances(range.currentState.children.length - 1);
}

function remove({ ref }) {
	const instance = find(ref, (n) => n.nodeType === 'repeat-instance');
	const range = instance.parent;
	range.removeInstances(range.currentState.children.indexOf(instance));
}

function shown(node) {
	const s = node.currentState;
	const out = { ref: place(node), type: node.nodeType, relevant: s.relevant, readonly: s.readonly, required: s.required };
	if (node.validationState?.constraint) {
		out.value = s.instanceValue;
		out.constraint = node.validationState.constraint.valid;
		out.missing = !node.validationState.required.valid;
	}
	if (s.label) {
		out.label = s.label.asString;
	}
	if (Array.isArray(s.valueOptions)) {
		out.choices = s.valueOptions.map((item) => item.value);
	}
	return out;
}

const doing = { load, set, add, remove };

for await (const line of createInterface({ input: process.stdin })) {
	let reply;
	try {
		const request = JSON.parse(line);
		await doing[request.do](request);
		reply = { state: [...every(root)].map(shown) };
	} catch (err) {
		reply = { error: String(err?.message ?? err) };
	}
	process.stdout.write(JSON.stringify(reply) + '\n');
}
