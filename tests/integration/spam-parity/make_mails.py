# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the made-up messages that custom.cf is tried on. Names are of RFC 2606 and RFC 5737."""
import base64
import os

RECEIVED = ('Received: from relay.cup.example (relay.cup.example [203.0.113.9])\n'
            '\tby gate.cup.example (Postfix) with ESMTP id 1A2B3C\n'
            '\tfor <first@cup.example>; Tue, 3 Mar 2026 10:00:03 +0000 (UTC)\n'
            'Received: from kettle.example (mx.kettle.example [198.51.100.7])\n'
            '\tby relay.cup.example (Postfix) with ESMTP id 4D5E6F\n'
            '\tfor <first@cup.example>; Tue, 3 Mar 2026 10:00:02 +0000 (UTC)\n'
            'Received: from origin.example (unknown [192.0.2.77])\n'
            '\tby kettle.example (Postfix) with SMTP id 7A8B9C;\n'
            '\tTue, 3 Mar 2026 10:00:01 +0000 (UTC)\n')
HOP = ('Received: from {helo} ({rdns} [{ip}])\n'
       '\tby gate.cup.example (Postfix) with ESMTP id 9Z8Y7X\n'
       '\tfor <first@cup.example>; Tue, 3 Mar 2026 10:00:03 +0000 (UTC)\n')
HTML = ('<html><body><p>Dear friend of the <b>bold</b> brew, this is <b>bold</b> brew day: <table><tr>'
        '<td>one cup<td>cup\nand saucer</tr></table>'
        '<a href="http://www.kettle.example/offer?x=1">Click here</a> or '
        '<a href="https://www.kettle.com/a%2Fb">look</a> or <a href="mailto:order@kettle.example">write</a>'
        '<img src="http://img.kettle.com/pixel.gif" width=1 height=1>'
        '<font color="#ffffff">hidden porcelain</font></body></html>\n')
GIF = base64.b64encode(bytes.fromhex('47494638396101000100800000ffffff00000021f90401000000002c000000'
                                     '00010001000002024401003b')).decode()


def head(sender='"Potter, Anna" <anna@kettle.example>', to='first@cup.example', subject='The new teapot',
         extra='', received=RECEIVED, date='Tue, 3 Mar 2026 10:00:00 +0000'):
    return (received + f'From: {sender}\nTo: {to}\nSubject: {subject}\nDate: {date}\n'
            'Message-ID: <pc.1@mail.kettle.example>\n' + extra)


def plain(**fields):
    body = fields.pop('body')
    return head(**fields) + 'Content-Type: text/plain; charset=utf-8\n\n' + body


def multipart(parts, **fields):
    text = head(**fields) + 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="pc-boundary"\n\n'
    for part in parts:
        text += '--pc-boundary\n' + part
    return text + '--pc-boundary--\n'


def mails():
    yield 'plain', plain(
        extra='X-Pc-Marker: porcelain\nX-Folded: one\n\ttwo\nCc: Second <second@cup.example>, third@cup.example\n',
        body='Please boil the water. A cup, a second cup, a third cup of tea leaves.\n'
             'Sugar, sugar and sugar; milk, milk, milk.\n\nOne\nlump? No: one lump or\ntwo lumps.\n\n'
             'http://cup.example/tea and cup/saucer, and number #1 whistle a/b café\n\nYours, anna\n')
    yield 'subject-only', plain(subject='=?utf-8?Q?Gr=C3=BC=C3=9Fe_vom_teapot?=', body='Grüße aus Köln, the the end. second meaning\n')
    yield 'html', head(subject='Offer') + 'MIME-Version: 1.0\nContent-Type: text/html; charset=us-ascii\n\n' + HTML
    yield 'mixed', multipart(
        ['Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n' + HTML,
         'Content-Type: image/gif; name="teapot.gif"\nContent-Transfer-Encoding: base64\n'
         'Content-Description: the handle\nContent-Disposition: attachment;\n filename="teapot.gif"\n\n'
         + GIF + '\n'], subject='Teapot and more',
        extra='Cc: second@cup.example\nX-Pc-Marker: clay\n')
    yield 'capitals', plain(subject='BUY THE TEAPOT TODAY NOW', sender='<x.y@postbox.example>',
                            extra='Reply-To: other@postbox.example\n',
                            body='p0rcel4in and S@UCER and porcelain. boil the water\napproved by the guild\n')
    yield 'friend', plain(sender='Fred <fred@friend.example>', body='A cup of kettle tea.\nmilk sugar\n')
    yield 'loud-friend', plain(sender='loud@friend.example', body='first meaning, a cup, boil\n')
    yield 'guild', plain(sender='quiet@north.guild.example', to='undisclosed-recipients:;',
                         body='bare.kettle.com and www.kettle.com\n')
    yield 'press', plain(sender='carol@press.example', body='porcelain news\n',
                         received=HOP.format(helo='out.press.example', rdns='out.press.example',
                                             ip='198.51.100.20'))
    yield 'press-forged', plain(sender='carol@press.example', body='porcelain news\n',
                                received=HOP.format(helo='out.press.example', rdns='unknown',
                                                    ip='198.51.100.21'))
    yield 'pest', plain(sender='"a@friend.example" <bug@pest.example>', body='spout\n')
    yield 'trap', plain(to='trap@cup.example, all@cup.example', body='handle and lid\n')
    yield 'postmaster', plain(to='Postmaster <postmaster@cup.example>, more@cup.example', body='boil\n',
                              sender='old@style.example')
    yield 'bounce', ('Return-Path: <bounce+7@lists.kettle.example>\n'
                     + plain(sender='list@kettle.example', body='boil the water, a cup\n'))
    yield 'inside', plain(body='boil\n', received=HOP.format(helo='desk', rdns='desk.cup.example',
                                                             ip='203.0.113.200'))
    yield 'no-head', 'Subject: teapot\n\nboil the water\n'
    yield 'latin', (head(subject='teapot') + 'MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\n'
                    'Content-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe aus K=F6ln, caf=E9=\n bold brew\n')


def write(folder):
    names = []
    for name, text in mails():
        names.append(os.path.join(folder, name + '.eml'))
        with open(names[-1], 'w', encoding='utf-8', newline='') as file:
            file.write(text)
    return names
