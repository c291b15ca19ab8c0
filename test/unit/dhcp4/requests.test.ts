import { describe, expect, it } from 'vitest';
import { encodeMessage } from '../../../plugin/dhcp4/message.ts';
import type { Dhcp4Message } from '../../../plugin/dhcp4/message.ts';
import { ipv4Of, messageTypeOf, OPTION, textOf, u16Of } from '../../../plugin/dhcp4/options.ts';
import * as requests from '../../../plugin/dhcp4/requests.ts';
import {
  ADDRESS,
  CLIENT_ID,
  CLIENT_MAC,
  clientConfig,
  lease,
  SERVER,
} from '../../support/frames/messages.ts';

const identity = clientConfig({ broadcast: true });
const exchange = { xid: 0x01020304, secs: 9 };

type Presence = 'MUST' | 'MAY' | 'MUST NOT';
interface Row {
  readonly message: Dhcp4Message;
  readonly type: string;
  readonly ciaddr: string;
  readonly broadcast: boolean;
  /**
   * Requested address, server identifier, and the options that only a request to a server has (55,
   * 57, 12).
   */
  readonly option50: Presence;
  readonly option54: Presence;
  readonly asking: Presence;
}

const ROWS: readonly (readonly [name: string, row: Row])[] = [
  [
    'DISCOVER',
    {
      message: requests.buildDiscover(identity, exchange, { wished: ADDRESS, rapidCommit: false }),
      ...{ type: 'DISCOVER', ciaddr: '0.0.0.0', broadcast: true },
      ...{ option50: 'MAY', option54: 'MUST NOT', asking: 'MUST' },
    },
  ],
  [
    'REQUEST in SELECTING',
    {
      message: requests.buildSelectingRequest(identity, exchange, {
        address: ADDRESS,
        serverId: SERVER,
      }),
      ...{ type: 'REQUEST', ciaddr: '0.0.0.0', broadcast: true },
      ...{ option50: 'MUST', option54: 'MUST', asking: 'MUST' },
    },
  ],
  [
    'REQUEST in INIT-REBOOT',
    {
      message: requests.buildInitRebootRequest(identity, exchange, ADDRESS),
      ...{ type: 'REQUEST', ciaddr: '0.0.0.0', broadcast: true },
      ...{ option50: 'MUST', option54: 'MUST NOT', asking: 'MUST' },
    },
  ],
  [
    'REQUEST in RENEWING',
    {
      message: requests.buildRenewingRequest(identity, exchange, ADDRESS),
      ...{ type: 'REQUEST', ciaddr: ADDRESS, broadcast: false },
      ...{ option50: 'MUST NOT', option54: 'MUST NOT', asking: 'MUST' },
    },
  ],
  [
    'REQUEST in REBINDING',
    {
      message: requests.buildRebindingRequest(identity, exchange, ADDRESS),
      ...{ type: 'REQUEST', ciaddr: ADDRESS, broadcast: false },
      ...{ option50: 'MUST NOT', option54: 'MUST NOT', asking: 'MUST' },
    },
  ],
  [
    'DECLINE',
    {
      message: requests.buildDecline(identity, exchange.xid, lease()),
      ...{ type: 'DECLINE', ciaddr: '0.0.0.0', broadcast: false },
      ...{ option50: 'MUST', option54: 'MUST', asking: 'MUST NOT' },
    },
  ],
  [
    'RELEASE',
    {
      message: requests.buildRelease(identity, exchange.xid, lease()),
      ...{ type: 'RELEASE', ciaddr: ADDRESS, broadcast: false },
      ...{ option50: 'MUST NOT', option54: 'MUST', asking: 'MUST NOT' },
    },
  ],
];

describe.each(ROWS)('%s (RFC 2131 Tables 4 and 5)', (_, row) => {
  const { message } = row;

  it('has the header fields of its column', () => {
    expect(message).toMatchObject({
      op: 1,
      hops: 0,
      xid: exchange.xid,
      ciaddr: row.ciaddr,
      yiaddr: '0.0.0.0',
      siaddr: '0.0.0.0',
      giaddr: '0.0.0.0',
      chaddr: CLIENT_MAC,
      broadcast: row.broadcast,
    });
    expect(messageTypeOf(message.options)).toBe(row.type);
  });

  it.each([
    ['requested address (50)', OPTION.REQUESTED_ADDRESS, row.option50],
    ['server identifier (54)', OPTION.SERVER_ID, row.option54],
    ['parameter request list (55)', OPTION.PARAMETER_LIST, row.asking],
    ['maximum message size (57)', OPTION.MAX_MESSAGE_SIZE, row.asking],
    ['host name (12)', OPTION.HOST_NAME, row.asking],
    ['lease time (51)', OPTION.LEASE_TIME, 'MUST NOT'],
    ['client identifier (61)', OPTION.CLIENT_ID, 'MUST'],
  ] as const)('%s', (_name, code, presence) => {
    expect(message.options.has(code)).toBe(presence !== 'MUST NOT');
  });

  it('names the right address and server where it names one', () => {
    if (row.option50 !== 'MUST NOT') {
      expect(ipv4Of(message.options, OPTION.REQUESTED_ADDRESS)).toBe(ADDRESS);
    }
    if (row.option54 !== 'MUST NOT') expect(ipv4Of(message.options, OPTION.SERVER_ID)).toBe(SERVER);
    expect(message.options.get(OPTION.CLIENT_ID)).toEqual(CLIENT_ID);
  });

  it('fits a message that every server must accept (RFC 2131 §2: 576 octets with headers)', () => {
    const { length } = encodeMessage(message);
    expect(length).toBeGreaterThanOrEqual(300);
    expect(length).toBeLessThanOrEqual(548);
  });
});

describe('what a question carries', () => {
  const discover = (overrides: Parameters<typeof clientConfig>[0]): Dhcp4Message =>
    requests.buildDiscover(clientConfig(overrides), exchange, {
      wished: undefined,
      rapidCommit: false,
    });

  it('leaves the choice of address to the server when none is wished', () => {
    expect(discover({}).options.has(OPTION.REQUESTED_ADDRESS)).toBe(false);
  });

  it('leaves the broadcast flag clear unless it is asked for', () => {
    expect(discover({}).broadcast).toBe(false);
  });

  it('asks for option 121 before 3 and 33 (RFC 3442)', () => {
    expect(Array.from(discover({}).options.get(OPTION.PARAMETER_LIST)!)).toEqual([
      1, 121, 3, 6, 12, 15, 26, 28, 33, 42, 51, 54, 58, 59, 119, 249, 100, 101, 252,
    ]);
  });

  it('sends a plain name in option 12', () => {
    const { options } = discover({ hostName: 'web-1' });
    expect(textOf(options, OPTION.HOST_NAME)).toBe('web-1');
    expect(options.has(OPTION.CLIENT_FQDN)).toBe(false);
  });

  it('sends a dotted name in option 81 and then not in 12 (RFC 4702 §3.1)', () => {
    const { options } = discover({ hostName: 'web.lab' });
    expect(options.get(OPTION.CLIENT_FQDN)).toEqual(
      Uint8Array.of(5, 0, 0, 3, 0x77, 0x65, 0x62, 3, 0x6c, 0x61, 0x62, 0),
    );
    expect(options.has(OPTION.HOST_NAME)).toBe(false);
  });

  it('sends neither without a name', () => {
    const { options } = discover({ hostName: undefined });
    expect(options.has(OPTION.HOST_NAME) || options.has(OPTION.CLIENT_FQDN)).toBe(false);
  });

  it('sends option 60 only when a vendor class is set', () => {
    expect(textOf(discover({ vendorClass: 'vlandhcp' }).options, 60)).toBe('vlandhcp');
    expect(discover({}).options.has(60)).toBe(false);
  });

  it.each([
    [1500, 1500],
    [575, 576],
    [0xffff, 0xffff],
  ])('sends MTU %i as option 57 = %i: 576 is its least value (RFC 2132 §9.10)', (mtu, value) => {
    expect(u16Of(discover({ mtu }).options, OPTION.MAX_MESSAGE_SIZE)).toBe(value);
  });
});
