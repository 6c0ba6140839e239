// Answers questions of the tests with independent implementations, one JSON object a line.
// Started by tests/support/javascript.py in the folder that `make interop` has filled.
import {createHash, createPublicKey, createPrivateKey, verify as verifySignature, sign as signWith}
  from 'node:crypto';
import {readFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import * as vc from '@digitalbazaar/vc';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {cryptosuite} from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey';
import {driver} from '@digitalbazaar/did-method-key';
import * as rdfCanonize from 'rdf-canonize';
import * as bitstring from '@digitalbazaar/vc-bitstring-status-list';
import {SDJwtVcInstance} from '@sd-jwt/sd-jwt-vc';
import * as jose from 'jose';

const {contexts: contextFiles} = JSON.parse(process.env.INTEROP_CONTEXTS);
const contexts = new Map(Object.entries(contextFiles).map(
  ([address, file]) => [address, JSON.parse(readFileSync(file, 'utf8'))]));
const didKey = driver();
didKey.use({multibaseMultikeyHeader: 'z6Mk', fromMultibase: Ed25519Multikey.from});

function loader(extra = {}) {
  return async url => {
    if(contexts.has(url)) {
      return {contextUrl: null, documentUrl: url, document: contexts.get(url)};
    }
    if(url in extra) {
      return {contextUrl: null, documentUrl: url, document: extra[url]};
    }
    if(url.startsWith('did:key:')) {
      const document = await didKey.get({url});
      return {contextUrl: null, documentUrl: url, document};
    }
    throw new Error('not at hand: ' + url);
  };
}

const suite = () => new DataIntegrityProof({cryptosuite});
const hasher = (data, algorithm) => createHash(algorithm.replace('-', ''))
  .update(typeof data === 'string' ? data : Buffer.from(data)).digest();
const saltGenerator = () => Buffer.from(crypto.getRandomValues(new Uint8Array(16)))
  .toString('base64url');
const verifier = jwk => (data, signature) => verifySignature('sha256', Buffer.from(data),
  {key: createPublicKey({key: jwk, format: 'jwk'}), dsaEncoding: 'ieee-p1363'},
  Buffer.from(signature, 'base64url'));
const signer = jwk => data => signWith('sha256', Buffer.from(data),
  {key: createPrivateKey({key: jwk, format: 'jwk'}), dsaEncoding: 'ieee-p1363'})
  .toString('base64url');

const answers = {
  async canonize({statements}) {
    const format = 'application/n-quads';
    const options = {algorithm: 'RDFC-1.0', inputFormat: format, format};
    return {canonical: await rdfCanonize.canonize(statements, options)};
  },
  async verifyCredential({credential, lists, now}) {
    const options = {credential, suite: suite(), documentLoader: loader(lists), now};
    if(lists) {
      options.checkStatus = bitstring.checkStatus;
    }
    const {verified, statusResult} = await vc.verifyCredential(options);
    return lists ? {verified, set: statusResult.results.map(each => each.status)} : {verified};
  },
  async issueCredential({credential, key, date}) {
    const pair = await Ed25519Multikey.from(key);
    const proof = new DataIntegrityProof({cryptosuite, signer: pair.signer(), date});
    const documentLoader = loader();
    return {credential: await vc.issue({credential, suite: proof, documentLoader})};
  },
  async encodeList({length, set}) {
    const list = await bitstring.createList({length});
    for(const index of set) {
      list.setStatus(index, true);
    }
    return {encodedList: await list.encode()};
  },
  async decodeList({encodedList, indices}) {
    const list = await bitstring.decodeList({encodedList});
    return {length: list.length, statuses: indices.map(index => list.getStatus(index))};
  },
  async verifySdJwt({token, jwk, holder, nonce, now, list}) {
    const sdjwt = new SDJwtVcInstance({
      hasher, hashAlg: 'sha-256', verifier: verifier(jwk),
      kbVerifier: holder ? verifier(holder) : undefined,
      statusListFetcher: async () => list.token,
      statusVerifier: verifier(list.jwk)
    });
    const options = {currentDate: now};
    if(nonce) {
      options.keyBindingNonce = nonce;
    }
    const {payload} = await sdjwt.verify(token, options);
    return {payload};
  },
  async issueSdJwt({claims, frame, jwk, kid}) {
    const sdjwt = new SDJwtVcInstance({
      hasher, hashAlg: 'sha-256', signer: signer(jwk), signAlg: 'ES256', saltGenerator
    });
    return {token: await sdjwt.issue(claims, frame, {header: {kid}})};
  },
  async bindSdJwt({token, holder, payload}) {
    const sdjwt = new SDJwtVcInstance({
      hasher, hashAlg: 'sha-256', kbSigner: signer(holder), kbSignAlg: 'ES256'
    });
    return {token: await sdjwt.present(token, {}, {kb: {payload}})};
  },
  async verifyJwt({token, jwk, now}) {
    const key = await jose.importJWK(jwk, jose.decodeProtectedHeader(token).alg);
    const {payload} = await jose.jwtVerify(token, key, {currentDate: new Date(now)});
    return {payload};
  },
  async signJwt({payload, jwk, header}) {
    const key = await jose.importJWK(jwk, header.alg);
    return {token: await new jose.SignJWT(payload).setProtectedHeader(header).sign(key)};
  }
};

for await (const line of createInterface({input: process.stdin})) {
  const {ask, ...arguments_} = JSON.parse(line);
  let answer;
  try {
    answer = await answers[ask](arguments_);
  } catch(error) {
    answer = {refused: `${error.name}: ${error.message}`};
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
