// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/HopReader.h"

#include <QtTest/QtTest>

#include <algorithm>

using portcullis::spam::HopOutcome;
using portcullis::spam::HopReading;
using portcullis::spam::readHop;
using portcullis::spam::withoutDate;

Q_DECLARE_METATYPE(portcullis::spam::HopOutcome)

/// One Received field at a time. The expected texts are SpamAssassin 4.0.1's for the same lines.
class TestHopReader final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void readsWhatSoftwareWrites_data();
    void readsWhatSoftwareWrites();
    void leavesWhatIsNoTransfer_data();
    void leavesWhatIsNoTransfer();
    void cutsTheDate_data();
    void cutsTheDate();
    void staysLinearOnHostileLines_data();
    void staysLinearOnHostileLines();
    void marksOctetsThatRulesSplitAt();
    void remembersQmailScannersSender();
};

void TestHopReader::readsWhatSoftwareWrites_data()
{
    QTest::addColumn<QByteArray>("line");
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("lacksReverse");
    QTest::newRow("Postfix")
        << QByteArray("from relay.sender.example (mx1.sender.example [198.51.100.7]) by"
                      " mx.our.example (Postfix) with ESMTP id 4AbCdE1234 for <anna@our.example>;"
                      " Thu, 13 Mar 2003 15:23:15 -0500 (EST)")
        << QByteArray("[ ip=198.51.100.7 rdns=mx1.sender.example helo=relay.sender.example"
                      " by=mx.our.example ident= envfrom= intl=0 id=4AbCdE1234 auth= msa=0 ]")
        << false;
    QTest::newRow("Postfix without reverse name")
        << QByteArray("from localhost (unknown [203.0.113.9]) by mx.our.example (Postfix) with"
                      " ESMTPS id A96E18BD97; Thu, 13 Mar 2003 15:23:15 -0500")
        << QByteArray("[ ip=203.0.113.9 rdns= helo=localhost by=mx.our.example ident= envfrom="
                      " intl=0 id=A96E18BD97 auth= msa=0 ]")
        << true;
    QTest::newRow("Postfix, glued")
        << QByteArray("from 192.0.2.3 (unknown[198.51.100.65]) by puzzle.our.example (Postfix)"
                      " with SMTP id 9029AFB732; Sat, 8 Nov 2003 17:57:46 -0500 (EST)")
        << QByteArray("[ ip=198.51.100.65 rdns= helo=192.0.2.3 by=puzzle.our.example ident="
                      " envfrom= intl=0 id=9029AFB732 auth= msa=0 ]")
        << true;
    QTest::newRow("Postfix, authenticated sender")
        << QByteArray("from laptop (dsl.isp.example [203.0.113.77]) (Authenticated sender:"
                      " anna@our.example) by mail.our.example (Postfix) with ESMTPSA id"
                      " 1F2E3D4C5B")
        << QByteArray("[ ip=203.0.113.77 rdns=dsl.isp.example helo=laptop by=mail.our.example"
                      " ident= envfrom= intl=0 id=1F2E3D4C5B auth=ESMTPSA msa=0 ]")
        << false;
    QTest::newRow("Postfix, authenticated sender without protocol")
        << QByteArray("from laptop (dsl.isp.example [203.0.113.77]) (Authenticated sender: anna)"
                      " by mail.our.example (MyMail) with ESMTP id 1F2E3D4C5B")
        << QByteArray("[ ip=203.0.113.77 rdns=dsl.isp.example helo=laptop by=mail.our.example"
                      " ident= envfrom= intl=0 id=1F2E3D4C5B auth=Postfix (MyMail) msa=0 ]")
        << false;
    QTest::newRow("this gateway")
        << QByteArray("from mail.sender.example (unknown [IPv6:2001:db8::25]) (using TLSv1.3 with"
                      " cipher TLS_AES_256_GCM_SHA384) by gate.our.example (Portcullis) with"
                      " ESMTPS id 7Q-0001 for <anna@our.example>; Sat, 21 Nov 2026 15:00:00 +0000")
        << QByteArray("[ ip=2001:db8::25 rdns= helo=mail.sender.example by=gate.our.example"
                      " ident= envfrom= intl=0 id=7Q-0001 auth= msa=0 ]")
        << true;
    QTest::newRow("Sendmail, forged")
        << QByteArray("from mail.sender.example (host66.isp.example [203.0.113.66] (may be"
                      " forged)) by mx.our.example (8.11.6/8.11.6) with ESMTP id h2F0c2x31856 for"
                      " <anna@our.example>; Sat, 15 Mar 2003 00:38:03 GMT")
        << QByteArray("[ ip=203.0.113.66 rdns=host66.isp.example helo=mail.sender.example"
                      " by=mx.our.example ident= envfrom= intl=0 id=h2F0c2x31856 auth= msa=0 ]")
        << false;
    QTest::newRow("Sendmail, ident")
        << QByteArray("from out.sender.example (IDENT:qmailr@one.sender.example [198.51.100.115])"
                      " by mx.our.example (8.11.6/8.11.6) with SMTP id h381Vvf19860")
        << QByteArray("[ ip=198.51.100.115 rdns=one.sender.example helo=out.sender.example"
                      " by=mx.our.example ident=qmailr envfrom= intl=0 id=h381Vvf19860 auth="
                      " msa=0 ]")
        << false;
    QTest::newRow("Sendmail, plain ident")
        << QByteArray("from out.sender.example (root@one.sender.example [198.51.100.115]) by"
                      " mx.our.example (8.14.4/8.14.4) with SMTP id h381Vvf19861")
        << QByteArray("[ ip=198.51.100.115 rdns=one.sender.example helo=out.sender.example"
                      " by=mx.our.example ident=root envfrom= intl=0 id=h381Vvf19861 auth= msa=0"
                      " ]")
        << false;
    QTest::newRow("Sendmail, login")
        << QByteArray("from rev.isp.example (natpool62.isp.example [203.0.113.62] (may be"
                      " forged)) (authenticated) by mail.our.example (8.11.4/8.11.4) with ESMTP"
                      " id h0KKa7d32306")
        << QByteArray("[ ip=203.0.113.62 rdns=natpool62.isp.example helo=rev.isp.example"
                      " by=mail.our.example ident= envfrom= intl=0 id=h0KKa7d32306 auth=Sendmail"
                      " msa=0 ]")
        << false;
    QTest::newRow("Sendmail, no name")
        << QByteArray("from mail.sender.example ([198.51.100.24]) by mx.our.example"
                      " (8.11.6/8.11.6) with ESMTP id h2FH0Zx11330")
        << QByteArray("[ ip=198.51.100.24 rdns= helo=mail.sender.example by=mx.our.example ident="
                      " envfrom= intl=0 id=h2FH0Zx11330 auth= msa=0 ]")
        << true;
    QTest::newRow("Sendmail, ident without name")
        << QByteArray("from 4wtgRl (kgbxn@[203.0.113.115]) by mx.our.example (8.11.6/8.11.6) with"
                      " SMTP id h8BBsUJ18848")
        << QByteArray("[ ip=203.0.113.115 rdns= helo=4wtgRl by=mx.our.example ident=kgbxn"
                      " envfrom= intl=0 id=h8BBsUJ18848 auth= msa=0 ]")
        << true;
    QTest::newRow("Courier")
        << QByteArray("from mail.sender.example (softdnserr [::ffff:198.51.100.67]) by"
                      " mail.our.example with esmtp; Fri, 22 Aug 2003 12:25:41 +0300")
        << QByteArray("[ ip=198.51.100.67 rdns= helo=mail.sender.example by=mail.our.example"
                      " ident= envfrom= intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("Courier, login")
        << QByteArray("from pc ([203.0.113.5]) (AUTH: LOGIN anna) by mail.our.example with esmtp;"
                      " Mon, 28 Oct 2002 14:48:52 -0800")
        << QByteArray("[ ip=203.0.113.5 rdns= helo=pc by=mail.our.example ident= envfrom= intl=0"
                      " id= auth=LOGIN msa=0 ]")
        << true;
    QTest::newRow("Exim, bracketed")
        << QByteArray("from [203.0.113.26] (helo=host ident=anna) by mx.our.example with smtp"
                      " (Exim 4.94) id 18t2z0-0001NX-00 for <anna@our.example>; Wed, 12 Mar 2003"
                      " 01:57:10 -0800")
        << QByteArray("[ ip=203.0.113.26 rdns= helo=host by=mx.our.example ident=anna envfrom="
                      " intl=0 id=18t2z0-0001NX-00 auth= msa=0 ]")
        << false;
    QTest::newRow("Exim, named")
        << QByteArray("from out.sender.example ([198.51.100.13] helo=mail.sender.example) by"
                      " mx.our.example with esmtp (Exim 4.94) id 18t301-0007Bh-00; Wed, 12 Mar"
                      " 2003 01:58:13 -0800")
        << QByteArray("[ ip=198.51.100.13 rdns=out.sender.example helo=mail.sender.example"
                      " by=mx.our.example ident= envfrom= intl=0 id=18t301-0007Bh-00 auth= msa=0"
                      " ]")
        << false;
    QTest::newRow("Exim, name as greeting")
        << QByteArray("from out.sender.example ([198.51.100.48]:52313) by mx.our.example with"
                      " esmtps (TLS1.2:ECDHE:256) (Exim 4.94) id 1GzVLs-0002Oz-7b")
        << QByteArray("[ ip=198.51.100.48 rdns=out.sender.example helo=out.sender.example"
                      " by=mx.our.example ident= envfrom= intl=0 id=1GzVLs-0002Oz-7b auth= msa=0"
                      " ]")
        << false;
    QTest::newRow("Exim, plain")
        << QByteArray("from boggle.sender.example [198.51.100.209] by mx.our.example with esmtp"
                      " (Exim 3.35 #1 (Debian)) id 18SWRe-0006X6-00")
        << QByteArray("[ ip=198.51.100.209 rdns=boggle.sender.example helo=boggle.sender.example"
                      " by=mx.our.example ident= envfrom= intl=0 id=18SWRe-0006X6-00 auth= msa=0"
                      " ]")
        << false;
    QTest::newRow("Exim, odd")
        << QByteArray("from one.sender.example (two.sender.example) [198.51.100.6.13219] (mail)"
                      " by mx.our.example with esmtp (Exim 3.35) id 1CO5y7-0001vC-00")
        << QByteArray("[ ip=198.51.100.6 rdns=one.sender.example helo=two.sender.example"
                      " by=mx.our.example ident= envfrom= intl=0 id=1CO5y7-0001vC-00 auth= msa=0"
                      " ]")
        << false;
    QTest::newRow("Exim, envelope sender")
        << QByteArray("from out.sender.example ([198.51.100.13]) by mx.our.example with esmtp"
                      " (Exim 4.94) (envelope-from <b@sender.example>) id 18t301-0007Bh-00")
        << QByteArray("[ ip=198.51.100.13 rdns=out.sender.example helo=out.sender.example"
                      " by=mx.our.example ident= envfrom=b@sender.example intl=0"
                      " id=18t301-0007Bh-00 auth= msa=0 ]")
        << false;
    QTest::newRow("qmail, all")
        << QByteArray("from out.sender.example (HELO mail.sender.example) (joe@198.51.100.169) by"
                      " mx.our.example with SMTP; 14 Nov 2003 08:05:50 -0000")
        << QByteArray("[ ip=198.51.100.169 rdns=out.sender.example helo=mail.sender.example"
                      " by=mx.our.example ident=joe envfrom= intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("qmail, unknown")
        << QByteArray("from unknown (HELO mail.sender.example) (198.51.100.170) by mx.our.example"
                      " with SMTP; 14 Nov 2003 08:05:50 -0000")
        << QByteArray("[ ip=198.51.100.170 rdns= helo=mail.sender.example by=mx.our.example"
                      " ident= envfrom= intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("qmail, name as greeting")
        << QByteArray("from out.sender.example (joe@198.51.100.171) by mx.our.example with SMTP;"
                      " 14 Nov 2003 08:05:50 -0000")
        << QByteArray("[ ip=198.51.100.171 rdns=out.sender.example helo=out.sender.example"
                      " by=mx.our.example ident=joe envfrom= intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("qmail, bare")
        << QByteArray("from out.sender.example (198.51.100.172) by mx.our.example with QMQP; 14"
                      " Nov 2003 08:05:50 -0000")
        << QByteArray("[ ip=198.51.100.172 rdns=out.sender.example helo=out.sender.example"
                      " by=mx.our.example ident= envfrom= intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("qmail, empty greeting")
        << QByteArray("from out.sender.example (EHLO ) (198.51.100.173) by mx.our.example with"
                      " SMTP; Sun, 25 Jan 2004 00:24:37 -0800")
        << QByteArray("[ ip=198.51.100.173 rdns=out.sender.example helo= by=mx.our.example ident="
                      " envfrom= intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("qmail-ldap")
        << QByteArray("from unknown (HELO t.sender.example) (joe@[198.51.100.70])"
                      " (envelope-sender <joe@sender.example>) by mx.our.example"
                      " (qmail-ldap-1.03) with SMTP for <anna@our.example>; 12 Feb 2003 18:23:19"
                      " -0000")
        << QByteArray("[ ip=198.51.100.70 rdns= helo=t.sender.example by=mx.our.example ident=joe"
                      " envfrom=joe@sender.example intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("qpsmtpd")
        << QByteArray("from out.sender.example (HELO pc) (198.51.100.15) by mx.our.example"
                      " (qpsmtpd/0.27-dev) with ESMTP; Fri, 02 Jan 2004 19:26:52 -0800")
        << QByteArray("[ ip=198.51.100.15 rdns=out.sender.example helo=pc by=mx.our.example"
                      " ident= envfrom= intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("Yahoo login")
        << QByteArray("from customer.isp.example (HELO PC) (bob@203.0.113.217 with plain) by"
                      " smtp.mail.vip.sc5.yahoo.com with SMTP; 11 Mar 2003 21:03:28 -0000")
        << QByteArray("[ ip=203.0.113.217 rdns=customer.isp.example helo=PC"
                      " by=smtp.mail.vip.sc5.yahoo.com ident=bob envfrom= intl=0 id= auth= msa=0"
                      " ]")
        << false;
    QTest::newRow("Zimbra")
        << QByteArray("from backend.our.example (LHLO backend.our.example) (10.2.2.20) by"
                      " backend.our.example with LMTP; Thu, 18 Jun 2015 16:50:56 -0700 (PDT)")
        << QByteArray("[ ip=10.2.2.20 rdns=backend.our.example helo=backend.our.example"
                      " by=backend.our.example ident= envfrom= intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("GMX")
        << QByteArray("from dsl.isp.example (EHLO homepc) [203.0.113.64] by mail.gmx.net (mp010)"
                      " with SMTP; 03 Feb 2007 13:13:47 +0100")
        << QByteArray("[ ip=203.0.113.64 rdns=dsl.isp.example helo=homepc by=mail.gmx.net ident="
                      " envfrom= intl=0 id= auth=GMX (SMTP / mail.gmx.net) msa=0 ]")
        << false;
    QTest::newRow("Exchange")
        << QByteArray("from MX1.sender.example ([198.51.100.157]) by MX2.our.example with"
                      " Microsoft SMTPSVC(5.0.2195.6624); Thu, 6 Mar 2003 12:02:35 -0800")
        << QByteArray("[ ip=198.51.100.157 rdns= helo=MX1.sender.example by=MX2.our.example"
                      " ident= envfrom= intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("Exchange, mapi")
        << QByteArray("from AM5.prod.example ([fe80::19bd:c588:dd17:5226]) by AM5.prod.example"
                      " ([fe80::19bd:c588:dd17:5226%6]) with mapi id 15.20.1943.023; Wed, 5 Jun"
                      " 2019 10:17:08 +0000")
        << QByteArray("[ ip=fe80::19bd:c588:dd17:5226 rdns= helo=AM5.prod.example"
                      " by=AM5.prod.example ident= envfrom= intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("Exchange 2018")
        << QByteArray("from DAG-02.our.example (10.45.252.152) by DAG-03.our.example"
                      " (10.45.252.153) with Microsoft SMTP Server (version=TLS1_2,"
                      " cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) id 15.1.1261.35; Mon, 29"
                      " Oct 2018 11:17:19 +0100")
        << QByteArray("[ ip=10.45.252.152 rdns=DAG-02.our.example helo=DAG-02.our.example"
                      " by=DAG-03.our.example ident= envfrom= intl=0 id=15.1.1261.35 auth= msa=0"
                      " ]")
        << false;
    QTest::newRow("Lotus Domino")
        << QByteArray("from mail.sender.example ([198.51.100.33]) by notes.our.example (Lotus"
                      " Domino Release 8.5.3) with ESMTP id 2013041512345678-1234 ; Mon, 15 Apr"
                      " 2013 12:34:56 +0200")
        << QByteArray("[ ip=198.51.100.33 rdns= helo=mail.sender.example by=notes.our.example"
                      " ident= envfrom= intl=0 id=2013041512345678-1234 auth= msa=0 ]")
        << false;
    QTest::newRow("CommuniGate")
        << QByteArray("from [203.0.113.104] (account anna HELO [192.168.1.104]) by"
                      " mail.our.example (CommuniGate Pro SMTP 3.5.7) with ESMTP-TLS id 2088434;"
                      " Fri, 07 Mar 2003 13:05:06 -0500")
        << QByteArray("[ ip=203.0.113.104 rdns= helo=!192.168.1.104! by=mail.our.example ident="
                      " envfrom= intl=0 id=2088434 auth=Communigate msa=0 ]")
        << false;
    QTest::newRow("CommuniGate, verified")
        << QByteArray("from out.sender.example ([198.51.100.1] verified) by mail.our.example"
                      " (CommuniGate Pro SMTP 5.1.13) with ESMTP id 9786656 for anna@our.example;"
                      " Thu, 27 Mar 2008 15:08:17 +0600")
        << QByteArray("[ ip=198.51.100.1 rdns=out.sender.example helo=out.sender.example"
                      " by=mail.our.example ident= envfrom= intl=0 id=9786656 auth= msa=0 ]")
        << false;
    QTest::newRow("Gmail")
        << QByteArray("from mail-bw0-f227.google.com (mail-bw0-f227.google.com. [209.85.218.227])"
                      " by mx.our.example with ESMTPS id d13si2552612fka.32.2010.04.20.12.21.10;"
                      " Tue, 20 Apr 2010 12:21:11 -0700 (PDT)")
        << QByteArray("[ ip=209.85.218.227 rdns=mail-bw0-f227.google.com"
                      " helo=mail-bw0-f227.google.com by=mx.our.example ident= envfrom= intl=0"
                      " id=d13si2552612fka.32.2010.04.20.12.21.10 auth= msa=0 ]")
        << false;
    QTest::newRow("Gmail submission")
        << QByteArray("from pc.isp.example (dsl.isp.example. [203.0.113.8]) by mx.google.com with"
                      " ESMTPS id d13sm2552612fka.32.2010.04.20.12.21.10 (version=TLSv1/SSLv3"
                      " cipher=RC4-MD5); Tue, 20 Apr 2010 12:21:11 -0700 (PDT)")
        << QByteArray("[ ip=203.0.113.8 rdns=dsl.isp.example helo=pc.isp.example by=mx.google.com"
                      " ident= envfrom= intl=0 id=d13sm2552612fka.32.2010.04.20.12.21.10"
                      " auth=GMail - transport=TLSv1/SSLv3 cipher=RC4-MD5 msa=0 ]")
        << false;
    QTest::newRow("Yahoo web")
        << QByteArray("from [203.0.113.134] by web40310.mail.yahoo.com via HTTP; Wed, 12 Feb 2003"
                      " 14:22:21 PST")
        << QByteArray("[ ip=203.0.113.134 rdns= helo= by=web40310.mail.yahoo.com ident= envfrom="
                      " intl=0 id= auth= msa=0 ]")
        << false;
    QTest::newRow("Hotmail web")
        << QByteArray("from 203.0.113.21 by lw11fd.law11.hotmail.msn.com with HTTP; Wed, 24 Jul"
                      " 2002 16:36:44 GMT")
        << QByteArray("[ ip=203.0.113.21 rdns= helo= by=lw11fd.law11.hotmail.msn.com ident="
                      " envfrom= intl=0 id= auth=HTTP msa=0 ]")
        << false;
    QTest::newRow("SquirrelMail")
        << QByteArray("from 203.0.113.122 (SquirrelMail authenticated user anna) by"
                      " mail.our.example with HTTP; Sat, 3 Apr 2004 10:33:43 -0500 (EST)")
        << QByteArray("[ ip=203.0.113.122 rdns= helo= by=mail.our.example ident= envfrom= intl=0"
                      " id= auth=HTTP msa=0 ]")
        << false;
    QTest::newRow("Horde")
        << QByteArray("from 203.0.113.28 ([203.0.113.28]) by webmail.our.example (IMP) with HTTP"
                      " for <anna@our.example>; Sun, 11 Apr 2004 00:31:07 +0100")
        << QByteArray("[ ip=203.0.113.28 rdns= helo= by=webmail.our.example ident= envfrom="
                      " intl=0 id= auth=HTTP msa=0 ]")
        << false;
    QTest::newRow("XMail")
        << QByteArray("from list.sender.example (198.51.100.86:23198) by mx1.our.example with"
                      " [XMail 1.20 ESMTP Server] id <S72E> for <anna@our.example> from"
                      " <bounce@list.sender.example>; Sat, 18 Sep 2004 23:17:54 -0500")
        << QByteArray("[ ip=198.51.100.86 rdns= helo=list.sender.example by=mx1.our.example"
                      " ident= envfrom=bounce@list.sender.example intl=0 id=S72E auth= msa=0 ]")
        << false;
    QTest::newRow("Ecelerity")
        << QByteArray("from ([198.51.100.151:49601] helo=dev.sender.example) by m12.our.example"
                      " (ecelerity 2.1.1.3 r(11743)) with ESMTP id 52/92-02454-89FBA054")
        << QByteArray("[ ip=198.51.100.151 rdns= helo=dev.sender.example by=m12.our.example"
                      " ident= envfrom= intl=0 id=52/92-02454-89FBA054 auth= msa=0 ]")
        << false;
    QTest::newRow("MDaemon")
        << QByteArray("from pc [203.0.113.95] by mail.our.example [192.0.2.27] with SMTP"
                      " (MDaemon.PRO.v5.0.6.R) for <anna@our.example>; Fri, 21 Feb 2003 09:32:27"
                      " +1000")
        << QByteArray("[ ip=203.0.113.95 rdns= helo=pc by=mail.our.example ident= envfrom= intl=0"
                      " id= auth= msa=0 ]")
        << true;
    QTest::newRow("smap")
        << QByteArray("from out.sender.example(198.51.100.229) by mx.our.example via smap (V1.3)"
                      " id xma093673; Wed, 26 Mar 03 20:43:24 -0600")
        << QByteArray("[ ip=198.51.100.229 rdns=out.sender.example helo= by=mx.our.example ident="
                      " envfrom= intl=0 id=xma093673 auth= msa=0 ]")
        << false;
    QTest::newRow("Obtuse")
        << QByteArray("from pl027.isp.example(203.0.113.27), claiming to be \"foo.sender.example\""
                      " via SMTP by mx.our.example, id smtpd1PBsZT; Sun Nov 13 15:38:52 2005")
        << QByteArray("[ ip=203.0.113.27 rdns=pl027.isp.example helo=foo.sender.example"
                      " by=mx.our.example ident= envfrom= intl=0 id=smtpd1PBsZT auth= msa=0 ]")
        << false;
    QTest::newRow("simta")
        << QByteArray("FROM helo.sender.example (out.sender.example [198.51.100.81]) BY"
                      " mx.our.example ID 434B508E.174A6.13932 ; 11 Oct 2005 01:41:34 -0400")
        << QByteArray("[ ip=198.51.100.81 rdns=out.sender.example helo=helo.sender.example"
                      " by=mx.our.example ident= envfrom= intl=0 id=434B508E.174A6.13932 auth="
                      " msa=0 ]")
        << false;
    QTest::newRow("Norton")
        << QByteArray("(from localhost [203.0.113.240]) by host.our.example (NAVGW 2.5.2.12) with"
                      " SMTP id M2006060503484615455 for <anna@our.example>; Mon, 05 Jun 2006"
                      " 03:48:47 +0100")
        << QByteArray("[ ip=203.0.113.240 rdns= helo=localhost by=host.our.example ident="
                      " envfrom= intl=0 id=M2006060503484615455 auth= msa=0 ]")
        << false;
    QTest::newRow("any with an address")
        << QByteArray("from somewhere behind [198.51.100.88] and by mx.our.example whatever")
        << QByteArray("[ ip=198.51.100.88 rdns= helo=somewhere by=mx.our.example ident= envfrom="
                      " intl=0 id= auth= msa=0 ]")
        << false;
}

void TestHopReader::readsWhatSoftwareWrites()
{
    QFETCH(QByteArray, line);
    QFETCH(QByteArray, text);
    QFETCH(bool, lacksReverse);
    const HopReading reading = readHop(line);
    QCOMPARE(reading.outcome, HopOutcome::Hop);
    QCOMPARE(reading.relay.toText(), text);
    QCOMPARE(reading.relay.lacksReverse, lacksReverse);
}

void TestHopReader::leavesWhatIsNoTransfer_data()
{
    QTest::addColumn<QByteArray>("line");
    QTest::addColumn<HopOutcome>("outcome");
    QTest::newRow("Exim, local") << QByteArray(
        "from anna by mx.our.example with local (Exim 4.12) id 18xeL6-000Dn1-00;"
        " Tue, 25 Mar 2003 02:39:00 +0000")
                                 << HopOutcome::Skip;
    QTest::newRow("Exchange, pickup")
        << QByteArray("from mail pickup service by mail1.our.example with Microsoft SMTPSVC; Thu,"
                      " 13 Feb 2003 19:05:39 -0500")
        << HopOutcome::Skip;
    QTest::newRow("no words of use")
        << QByteArray("from one.sender.example by mx.our.example ; Thu, 20 Feb 2003 23:32:58"
                      " +0100")
        << HopOutcome::Skip;
    QTest::newRow("only names") << QByteArray(
        "from one.sender.example by mx.our.example with SMTP id 1234; Thu, 20 Feb"
        " 2003 23:32:58 +0100") << HopOutcome::Skip;
    QTest::newRow("not from") << QByteArray(
        "by mx.our.example (Postfix, from userid 1002) id DABBD1BED3; Thu, 13 Feb"
        " 2003 14:02:21 +0100 (CET)")
                              << HopOutcome::Skip;
    QTest::newRow("not understood")
        << QByteArray("from outer space, with love") << HopOutcome::Unknown;
    QTest::newRow("unix socket") << QByteArray(
        "from mail.our.example ([unix socket]) by mail.our.example (Cyrus v2.3.14)"
        " with LMTPA; Tue, 21 Jul 2009 14:34:14 +0200")
                                 << HopOutcome::Skip;
    QTest::newRow("fetched by POP3")
        << QByteArray("from pop3.isp.example (198.51.100.251) by pc.our.example with POP3; "
                      "14 Apr 2010 11:14:29 -0000")
        << HopOutcome::Fetched;
    QTest::newRow("fetched by IMAP")
        << QByteArray("from mail.isp.example [127.0.0.1] by localhost with IMAP (fetchmail-5.9.0) "
                      "for anna@localhost (single-drop); Thu, 13 Mar 2003 20:39:56 -0800 (PST)")
        << HopOutcome::Fetched;
    QTest::newRow("empty") << QByteArray() << HopOutcome::Skip;
    QTest::newRow("only from") << QByteArray("from ") << HopOutcome::Skip;
    QTest::newRow("only parentheses") << QByteArray("((((") << HopOutcome::Skip;
}

void TestHopReader::leavesWhatIsNoTransfer()
{
    QFETCH(QByteArray, line);
    QFETCH(HopOutcome, outcome);
    QCOMPARE(readHop(line).outcome, outcome);
}

void TestHopReader::cutsTheDate_data()
{
    QTest::addColumn<QByteArray>("line");
    QTest::addColumn<QByteArray>("rest");
    QTest::newRow("with day") << QByteArray("from a by b; Thu, 13 Mar 2003 15:23:15 -0500")
                              << QByteArray("from a by b");
    QTest::newRow("without day") << QByteArray("from a by b;13 Mar 2003 15:23 GMT")
                                 << QByteArray("from a by b");
    QTest::newRow("a comment behind keeps it")
        << QByteArray("from a by b; 13 Mar 2003 15:23:15 -0500 (EST)")
        << QByteArray("from a by b; 13 Mar 2003 15:23:15 -0500 (EST)");
    QTest::newRow("ctime stays") << QByteArray("from a by b, id 1; Sun Nov 13 14:50:12 2005")
                                 << QByteArray("from a by b, id 1; Sun Nov 13 14:50:12 2005");
    QTest::newRow("no such month") << QByteArray("from a by b; 13 Mrz 2003 15:23:15 -0500")
                                   << QByteArray("from a by b; 13 Mrz 2003 15:23:15 -0500");
}

void TestHopReader::cutsTheDate()
{
    QFETCH(QByteArray, line);
    QFETCH(QByteArray, rest);
    QCOMPARE(withoutDate(line).toByteArray(), rest);
}

void TestHopReader::staysLinearOnHostileLines_data()
{
    QTest::addColumn<QByteArray>("piece");
    QTest::newRow("by") << QByteArray(" by a");
    QTest::newRow("brackets") << QByteArray("[1.2.3.4]");
    QTest::newRow("spaced brackets") << QByteArray(" ([1.2.3.4]) by x (");
    QTest::newRow("colons") << QByteArray("1:");
    QTest::newRow("closed remarks") << QByteArray("] (a)) ))");
    QTest::newRow("greetings") << QByteArray(" (HELO x) (a@1.2.3.4) by y ");
    QTest::newRow("digits") << QByteArray("1.");
    QTest::newRow("with") << QByteArray(" (x) with SMTP id y");
    QTest::newRow("Exim") << QByteArray(" Exim helo= ident=");
    QTest::newRow("authenticated") << QByteArray("]) authenticated (");
}

// Each of these takes microseconds; quadratic work would run into the timeout of the test program.
void TestHopReader::staysLinearOnHostileLines()
{
    QFETCH(QByteArray, piece);
    constexpr qsizetype bytes = 4'000'000;
    const HopReading reading = readHop("from x " + piece.repeated(bytes / piece.size()));
    QVERIFY(reading.outcome != HopOutcome::Fetched);
}

void TestHopReader::marksOctetsThatRulesSplitAt()
{
    const HopReading reading = readHop(
        "from [198.51.100.4] (a|b#c [198.51.100.4]) by <server> (x) with ESMTP");
    QCOMPARE(reading.outcome, HopOutcome::Hop);
    QCOMPARE(reading.relay.helo, "!198.51.100.4!");
    QCOMPARE(reading.relay.rdns, "a!b!c");
    QCOMPARE(reading.relay.by, "!server!");
}

void TestHopReader::remembersQmailScannersSender()
{
    const HopReading reading = readHop(
        "from 203.0.113.196 by mail.our.example (envelope-from <bounce@lists.example>, uid "
        "502) with qmail-scanner-1.24 (clamdscan: 0.80); 06 Feb 2005 21:11:38 -0000");
    QCOMPARE(reading.outcome, HopOutcome::Skip);
    QCOMPARE(reading.scannerSender, "bounce@lists.example");
}

QTEST_APPLESS_MAIN(TestHopReader)
#include "TestHopReader.moc"
