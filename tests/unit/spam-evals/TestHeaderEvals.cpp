// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/HeaderEvals.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;
using portcullis::spam::test::FakeScan;
using portcullis::spam::test::rulesOf;

namespace {

constexpr qint64 now = 1'047'587'000;  // 13 March 2003

QByteArray message(const QByteArray &header)
{
    return header + "\n\nText\n";
}

QByteArray hop(const QByteArray &from, const QByteArray &date = "Thu, 13 Mar 2003 12:00:00 +0000")
{
    return "Received: from " + from + " by mx.our.example (Postfix) with ESMTP id 1234; " + date
           + '\n';
}

}  // namespace

/// The functions of the plugin HeaderEval, each with a message that hits and one that does not.
class TestHeaderEvals final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void hits_data();
    void hits();
    void registersEveryFunction();
};

void TestHeaderEvals::hits_data()
{
    QTest::addColumn<QByteArray>("call");
    QTest::addColumn<QByteArray>("header");
    QTest::addColumn<int>("expected");
    const auto row = [](const char *name, const char *call, const QByteArray &header,
                        int expected) {
        QTest::newRow(name) << QByteArray(call) << header << expected;
    };

    row("fake AOL relay", "check_for_fake_aol_relay_in_rcvd",
        hop("pc (HELO x) (198.51.100.1) by rly-xw01.mx.aol.example with SMTP; x by"), 1);
    row("AOL relay of AOL", "check_for_fake_aol_relay_in_rcvd",
        "Received: from a (a [172.20.1.1]) by rly-ip01.mx.aol.com (8.8.8/8.8.8/AOL-5.0.0) with "
        "ESMTP id NAA1",
        0);
    row("faraway charset", "check_for_faraway_charset_in_headers",
        "Subject: =?koi8-r?B?8NLJ18XU?= and more", 1);
    row("near charset", "check_for_faraway_charset_in_headers",
        "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=", 0);
    row("unique id in subject is history", "check_for_unique_subject_id", "Subject: Hello 12345abc",
        0);
    row("illegal octets", "check_illegal_chars Subject 0.00 2", "Subject: caf\xE9 cr\xE8me", 1);
    row("UTF-8 is legal", "check_illegal_chars Subject 0.00 2", "Subject: caf\xC3\xA9 cr\xC3\xA8me",
        0);
    row("UTF-8 with controls", "check_illegal_chars Subject 0.00 2", "Subject: caf\xC3\xA9 \x01",
        1);
    row("one pound sign is forgiven", "check_illegal_chars Subject 0.00 1", "Subject: only \xA3 5",
        0);
    row("share too small", "check_illegal_chars From 0.20 2",
        "From: J\xF6rg M\xFCller und Freunde <a@b.example>", 0);
    row("in the whole header", "check_illegal_chars ALL 0.010 2", "Subject: caf\xE9\nFrom: J\xF6rg",
        1);

    const QByteArray anyHop = hop("a (b [198.51.100.1])");
    row("forged Hotmail", "check_for_forged_hotmail_received_headers",
        hop("hotmail.com (pc.isp.example [198.51.100.1])"), 1);
    row("genuine Hotmail", "check_for_forged_hotmail_received_headers",
        hop("hotmail.com (f135.law8.hotmail.com [203.0.113.1])")
            + "X-Originating-IP: [203.0.113.5]",
        0);
    row("Hotmail by way of Outlook", "check_for_no_hotmail_received_headers",
        hop("A.eurprd04.prod.outlook.com (2001:db8::13)")
            + "X-OriginatorOrg: hotmail.com\nFrom: a@hotmail.com",
        0);
    row("Hotmail without Hotmail", "check_for_no_hotmail_received_headers",
        anyHop + "From: a@hotmail.com", 1);
    row("not from Hotmail", "check_for_no_hotmail_received_headers",
        anyHop + "From: a@nothotmail.com", 0);
    const QByteArray groups = "Return-Path: <List-bounce@groups.msn.com>\n"
                              "Received: from mail pickup service by p04.groups.msn.com with "
                              "Microsoft SMTPSVC; Thu, 5 May 2005 "
                              "20:30:37 -0700\n";
    row("MSN groups", "check_for_msn_groups_headers",
        groups + "To: \"L\" <List@groups.msn.com>\nMessage-Id: <List-101@groups.msn.com>", 1);
    row("MSN groups' notifications", "check_for_msn_groups_headers",
        groups + "To: <notifications@groups.msn.com>\nMessage-Id: <TK2@p04.groups.msn.com>", 1);
    row("other list at MSN groups", "check_for_msn_groups_headers",
        groups + "To: <List@groups.msn.com>\nMessage-Id: <Other-101@groups.msn.com>", 0);
    row("forged Eudoramail", "check_for_forged_eudoramail_received_headers",
        anyHop + "From: a@eudoramail.com", 1);
    row("genuine Eudoramail", "check_for_forged_eudoramail_received_headers",
        "Received: from Unknown/Local ([?.?.?.?]) by shared1-mail.whowhere.com; Thu Nov 29 "
        "13:44:25 2001\n"
        "X-Sender-Ip: 198.51.100.9\nFrom: a@eudoramail.com",
        0);
    row("forged Yahoo", "check_for_forged_yahoo_received_headers", anyHop + "From: a@yahoo.com", 1);
    row("Yahoo web", "check_for_forged_yahoo_received_headers",
        anyHop
            + "Received: from [203.0.113.1] by web40310.mail.yahoo.com via HTTP; x\nFrom: "
              "a@yahoo.com",
        0);
    row("Yahoo relay", "check_for_forged_yahoo_received_headers",
        hop("x (mta1.mail.yahoo.com [203.0.113.1])") + "From: a@yahoo.com", 0);
    row("Yahoo story", "check_for_forged_yahoo_received_headers",
        anyHop
            + "Received: by a.bulk.yahoo.com (8.11.1/8.11.1) with ESMTP id 12; x\nFrom: "
              "a@yahoo.com",
        0);
    row("forged Juno", "check_for_forged_juno_received_headers", anyHop + "From: a@juno.com", 1);
    row("genuine Juno", "check_for_forged_juno_received_headers",
        hop("m6.juno.com (m6.juno.com [203.0.113.6])")
            + "X-Originating-IP: 203.0.113.7\nX-Mailer: Juno 5.0\nFrom: a@juno.com",
        0);
    row("forged Gmail", "check_for_forged_gmail_received_headers", anyHop + "From: a@gmail.com", 1);
    row("genuine Gmail", "check_for_forged_gmail_received_headers",
        anyHop + "X-Received: by 10.1.2.3 with SMTP id abc.1; x\nFrom: a@gmail.com", 0);
    row("Gmail with its marks", "check_for_forged_gmail_received_headers",
        "X-Gm-Message-State: " + QByteArray(64, 'x')
            + "\nX-Google-Smtp-Source: " + QByteArray(64, 'y') + "\nFrom: a@gmail.com",
        0);
    row("same sender", "check_for_matching_env_and_hdr_from",
        "Return-Path: <A@b.example>\nFrom: a@b.example", 1);
    row("other sender", "check_for_matching_env_and_hdr_from",
        "Return-Path: <x@b.example>\nFrom: a@b.example", 0);
    row("gw05", "check_for_forged_gw05_received_headers",
        anyHop
            + "Received: from mail3.x.example by gw05 with ESMTP; Thu, 21 Jun 2001 02:28:32 -0400",
        1);
    row("no gw05", "check_for_forged_gw05_received_headers",
        anyHop
            + "Received: from mail3.x.example by gw05.x.example with ESMTP; Thu, 21 Jun 2001 "
              "02:28:32 -0400",
        0);

    row("sorted recipients", "sorted_recipients",
        "To: a@x.example, b@x.example, c@x.example, d@x.example, e@x.example, f@x.example, "
        "g@x.example",
        1);
    row("too few sorted recipients", "sorted_recipients",
        "To: a@x.example, b@x.example, c@x.example", 0);
    row("similar recipients", "similar_recipients 0.65 undef",
        "To: anna1@x.example, anna2@x.example, anne@x.example\nCc: andy@x.example, anton@x.example",
        1);
    row("different recipients", "similar_recipients 0.65 undef",
        "To: anna@x.example, berta@x.example, carla@x.example, dora@x.example, emil@x.example", 0);
    row("no To", "check_for_missing_to_header", "From: a@b.example", 1);
    row("Apparently-To will do", "check_for_missing_to_header", "Apparently-To: a@b.example", 0);

    row("date hours ahead", "check_for_shifted_date 3 6",
        anyHop + "Date: Thu, 13 Mar 2003 16:00:00 +0000", 1);
    row("date on time", "check_for_shifted_date 3 6",
        anyHop + "Date: Thu, 13 Mar 2003 12:00:10 +0000", 0);
    row("date days behind", "check_for_shifted_date undef -96",
        anyHop + "Date: Thu, 6 Mar 2003 12:00:00 +0000", 1);
    row("Resent-Date comes first", "check_for_shifted_date undef -96",
        anyHop
            + "Resent-Date: Thu, 13 Mar 2003 12:00:00 +0000\nDate: Thu, 6 Mar 2003 12:00:00 +0000",
        0);
    row("received lately", "received_within_months undef 1", anyHop, 1);
    row("received long ago", "received_within_months undef 1",
        hop("a (b [198.51.100.1])", "Thu, 13 Mar 2002 12:00:00 +0000"), 0);

    row("capitals", "subject_is_all_caps", "Subject: Re: BUY IT NOW, REALLY", 1);
    row("one word in capitals", "subject_is_all_caps", "Subject: EXTRAORDINARY", 0);
    row("not only capitals", "subject_is_all_caps", "Subject: BUY IT NOw, REALLY", 0);
    row("charset that looks like capitals", "subject_is_all_caps",
        "Subject: =?gb2312?Q?BUY_IT_NOW,_REALLY?=", 0);
    row("address in subject", "check_for_to_in_subject address",
        "To: Anna@our.example\nSubject: offer for anna@our.example today", 1);
    row("user in subject", "check_for_to_in_subject user",
        "To: anna@our.example\nSubject: anna, look at this", 1);
    row("user after Re", "check_for_to_in_subject user",
        "To: anna@our.example\nSubject: RE: Hello Anna", 1);
    row("user alone", "check_for_to_in_subject user", "To: anna@our.example\nSubject: ANNA", 1);
    row("user among words", "check_for_to_in_subject user",
        "To: anna@our.example\nSubject: look, anna karenina is here", 0);

    row("Outlook's Message-ID of another time", "check_outlook_message_id",
        anyHop
            + "Date: Thu, 13 Mar 2003 12:00:00 +0000\nMessage-ID: "
              "<000a01a00000$5f1a4c40$0100007f@pc>",
        1);
    row("Outlook's Message-ID of its time", "check_outlook_message_id",
        anyHop
            + "Date: Thu, 13 Mar 2003 12:00:00 +0000\nMessage-ID: "
              "<000a01c2e95a$5f1a4c40$0100007f@pc>",
        0);
    row("other Message-ID", "check_outlook_message_id", "Message-ID: <1@pc>", 0);
    row("Message-ID of a list", "check_messageid_not_usable",
        anyHop + "List-Unsubscribe: <mailto:list-unsubscribe@x.example>", 1);
    row("Message-ID of iPlanet", "check_messageid_not_usable",
        "Received: from a by b (iPlanet Messaging Server 5.2)", 1);
    row("usable Message-ID", "check_messageid_not_usable",
        anyHop + "List-Unsubscribe: <https://x.example/leave>", 0);
    row("two subjects", "check_header_count_range Subject 2 999", "Subject: a\nSubject: b", 1);
    row("the same subject twice", "check_header_count_range Subject 2 999",
        "Subject: a\nSubject: a", 0);
    row("template", "check_unresolved_template", "X-Mailer: %MAILER", 1);
    row("template in a text", "check_unresolved_template", "Subject: %MAILER", 0);
    row("ratware", "check_ratware_name_id",
        "Message-ID: <" + QByteArray(28, 'X') + ".a@b.example>\nFrom: \"Some One\" <a@b.example>",
        1);
    row("no ratware", "check_ratware_name_id",
        "Message-ID: <" + QByteArray(27, 'X') + ".a@b.example>\nFrom: \"Some One\" <a@b.example>",
        0);
    row("ratware's reverse-path", "check_ratware_envelope_from",
        "Return-Path: <x-our.com.anna@spam.com>\nTo: anna@our.com", 1);
    row("SRS", "check_ratware_envelope_from",
        "Return-Path: <SRS0=x=our.com.anna@spam.com>\nTo: anna@our.com", 0);

    row("ezmlm removes Received", "gated_through_received_hdr_remover",
        "Mailing-List: contact list-help@x.example; run by ezmlm\n"
        "Delivered-To: mailing list list@x.example\n"
        "Received: (qmail 84907 invoked from network); 13 Feb 2003 20:59:28 -0000",
        1);
    row("ezmlm, with Received", "gated_through_received_hdr_remover",
        "Mailing-List: contact list-help@x.example; run by ezmlm\n" + anyHop, 0);
    row("no Received at all", "gated_through_received_hdr_remover", "Subject: x", 1);
    row("other domain", "check_equal_from_domains",
        "Return-Path: <a@bounces.sender.example>\nFrom: a@other.example", 1);
    row("same domain", "check_equal_from_domains",
        "Return-Path: <a@bounces.sender.example>\nFrom: a@SENDER.example", 0);
}

void TestHeaderEvals::hits()
{
    QFETCH(QByteArray, call);
    QFETCH(QByteArray, header);
    QFETCH(int, expected);
    const QList<QByteArray> words = call.split(' ');
    FakeScan scan(rulesOf("ok_locales en\nutil_rb_tld com example\n"), message(header.trimmed()));
    HeaderEvals module([] { return now; });
    QCOMPARE(scan.ask(module, words[0], {words.begin() + 1, words.end()}), expected);
}

void TestHeaderEvals::registersEveryFunction()
{
    constexpr size_t functions = 28;  // As many as the plugin of SpamAssassin 4.0.1.
    QCOMPARE(HeaderEvals().functions().size(), functions);
}

QTEST_APPLESS_MAIN(TestHeaderEvals)
#include "TestHeaderEvals.moc"
