// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/uri/UriList.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

namespace {

RuleSet exampleRules()
{
    RuleSet rules;
    const auto add = [&rules](const char *name, const char *value) {
        Directive line;
        line.value = value;
        rules.directives[name].push_back(line);
    };
    add("util_rb_tld", "com net org de uk us biz co");
    add("util_rb_tld", "xn--p1ai");
    add("util_rb_2tld", "co.uk ac.uk  demo.com");
    add("util_rb_3tld", "demon.co.uk");
    add("redirector_pattern",
        R"(m'^https?:/*(?:\w+\.)?google\.com/url\?.*?(?<=[?&])q=(.*?)(?:$|[&\#])'i)");
    add("redirector_pattern", R"(/^http:\/\/chkpt\.example\.com\/chkpt\/\w+\/(.*)$/i)");
    return rules;
}

QByteArray joined(std::vector<QByteArray> list)
{
    std::ranges::sort(list);
    return list.empty() ? QByteArray() : QByteArrayList(list.begin(), list.end()).join(' ');
}

QByteArray joinedSorted(const QByteArray &words)
{
    const QByteArrayList list = words.split(' ');
    return joined({list.begin(), list.end()});
}

}  // namespace

/// Expected values were taken from SpamAssassin 4.0.1 with the same tables.
class TestSpamUri final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void findsUrisInText_data();
    void findsUrisInText();
    void makesCanonicalForms_data();
    void makesCanonicalForms();
    void namesRegisteredDomain_data();
    void namesRegisteredDomain();
    void namesHostOfUri_data();
    void namesHostOfUri();
    void convertsNamesBeyondAsciiIfAsked();
    void marksWhereUrisComeFrom();
    void keepsLinksByPart();
    void readsDomainsOfSignatures();
    void cutsWhatIsTooLong();
    void staysWithinItsLimits();
    void reportsPatternsItCannotUse();

private:
    DomainTable m_domains{exampleRules()};
};

void TestSpamUri::findsUrisInText_data()
{
    QTest::addColumn<QByteArray>("line");
    QTest::addColumn<QByteArray>("expected");
    const auto row = [](const char *name, const char *line, const char *expected) {
        QTest::newRow(name) << QByteArray(line) << QByteArray(expected);
    };
    row("a sentence", "See http://www.example.com/a. Now!", "http://www.example.com/a");
    row("www without scheme", "visit www.example.com, please", "http://www.example.com");
    row("www with a number", "WWW2.example.com", "http://WWW2.example.com");
    row("ftp without scheme", "ftp.example.com/pub", "ftp://ftp.example.com/pub");
    row("address", "mail joe@example.com now", "mailto:joe@example.com");
    row("address with label", "email:joe@example.com", "mailto:joe@example.com");
    row("mailto", "mailto:joe@example.com?subject=x", "mailto:joe@example.com?subject=x");
    row("address without valid TLD", "joe@example.invalidtld", "");
    row("name without scheme", "at example.com: good", "");
    row("name without scheme before a space", "at example.com good", "http://example.com");
    row("name with port and path", "example.com:8080/x?y=z", "http://example.com:8080/x?y=z");
    row("name with an invalid TLD", "readme.txt", "");
    row("name at the end of a sentence", "example.com. Good", "http://example.com");
    row("name and a bare slash", "example.com/ good", "");
    row("in parentheses", "(http://example.com/a)", "http://example.com/a");
    row("with parentheses", "http://example.com/a_(b)", "http://example.com/a_(b");
    row("content ids are none", "[cid:image001.png@01D4986E.example.com]", "");
    row("scheme alone", "http:// x", "");
    row("slash before the sign", "example.com/a/b@example.net",
        "http://example.com/a/b@example.net");
    row("escaped sign", "mailto:joe%40example%2Ecom", "");
    row("escaped address", "mailto:joe@ex%61mple.com", "mailto:joe@example.com");
    row("after an ISO 2022 shift", "\x1b(Bhttp://example.com/", "http://example.com/");
    row("no-break space ends", "http://example.com/a\xa0z", "http://example.com/a");
    row("twice is once", "http://example.com/ http://example.com/", "http://example.com/");
    row("no dot", "joe@localhost", "");
}

void TestSpamUri::findsUrisInText()
{
    QFETCH(QByteArray, line);
    QFETCH(QByteArray, expected);
    UriCollector collector(m_domains);
    collector.addText(line);
    QByteArrayList found;
    for (const UriDetail &detail : collector.take()) {
        found.append(detail.raw);
    }
    QCOMPARE(found.join(' '), expected);
}

void TestSpamUri::makesCanonicalForms_data()
{
    QTest::addColumn<QByteArray>("uri");
    QTest::addColumn<QByteArray>("others");
    const auto row = [](const char *name, const char *uri, const char *others) {
        QTest::newRow(name) << QByteArray(uri) << QByteArray(others);
    };
    row("plain", "http://www.example.com/a", "");
    row("escapes", "http://%77%77%77.example.com/", "http://www.example.com/");
    row("escapes that stay", "http://a.example.com/%20%41\"", "http://a.example.com/%20A%22");
    row("query behind the host", "http://a.example.com?x", "http://a.example.com/?x");
    row("backslashes", "http:\\\\a.example.com\\x", "http://a.example.com/x");
    row("no slashes", "http:a.example.com", "http://a.example.com");
    row("no scheme", "a.example.com/x", "http://a.example.com/x");
    row("standard port", "http://a.example.com:80/x", "http://a.example.com/x");
    row("standard port of https", "https://a.example.com:443/x", "https://a.example.com/x");
    row("user", "http://www.bank.com@a.example.com/", "");
    row("two signs", "http://x@y@a.example.com/", "http://a.example.com/");
    row("references", "http://www.example.com/&#65;&#x42;", "http://www.example.com/AB");
    row("references in references", "http://a.example.com/&#38;#x41;", "http://a.example.com/A");
    row("dots of other scripts", "http://a.example.com/&#12290;&#xFF0E;",
        "http://a.example.com/..");
    row("end of a sentence", "http://example.com!!!", "http://example.com");
    row("one number", "http://1113343453/x", "http://66.92.69.221/x");
    row("one hexadecimal number", "http://0x7f000001/", "http://127.0.0.1/");
    row("hexadecimal and octal octets", "http://0x7f.0101.00.01/", "http://127.65..1/");
    row("one word", "http://foobar/x", "http://www.foobar.com/x");
    row("localhost", "http://localhost/x", "");
    row("fragment", "#top", "");
    row("redirector by pattern", "http://www.google.com/url?sa=t&q=evil.example.com/x&y=z",
        "evil.example.com/x http://evil.example.com/x");
    row("redirector by its look", "http://a.example.com/go?http://evil.example.com/x&y",
        "http://evil.example.com/x");
    row("redirector in a redirector", "http://a.example.com/http:/b.example.com/http:c.example.com",
        "http:/b.example.com/http:c.example.com http://b.example.com/http:c.example.com "
        "http:c.example.com http://c.example.com");
    row("mail with parameters", "mailto:joe@example.com?subject=x", "mailto:joe@example.com");
    row("mail in brackets", "mailto:\"J\"%20<joe@example.com>", "mailto:joe@example.com");
    row("mail with spaces", "mailto:%20joe@example.com%20", "mailto:joe@example.com");
}

void TestSpamUri::makesCanonicalForms()
{
    QFETCH(QByteArray, uri);
    QFETCH(QByteArray, others);
    std::vector<QByteArray> forms = canonicalUris(uri, m_domains);
    QVERIFY(!forms.empty());
    QCOMPARE(forms.front(), uri);
    forms.erase(forms.begin());
    QCOMPARE(joined(forms), others.isEmpty() ? QByteArray() : joinedSorted(others));
}

void TestSpamUri::namesRegisteredDomain_data()
{
    QTest::addColumn<QByteArray>("host");
    QTest::addColumn<QByteArray>("domain");
    QTest::newRow("below a top level")
        << QByteArray("www.example.com") << QByteArray("example.com");
    QTest::newRow("below two levels") << QByteArray("a.b.co.uk") << QByteArray("b.co.uk");
    QTest::newRow("below three levels")
        << QByteArray("w.x.demon.co.uk") << QByteArray("x.demon.co.uk");
    QTest::newRow("the delegation itself") << QByteArray("co.uk") << QByteArray("co.uk");
    QTest::newRow("states of the US") << QByteArray("www.a.ca.us") << QByteArray("www.a.ca.us");
    QTest::newRow("towns of the US")
        << QByteArray("x.fire.ci.town.ca.us") << QByteArray("fire.ci.town.ca.us");
    QTest::newRow("odd dots") << QByteArray("..WWW..example..com.") << QByteArray("example.com");
    QTest::newRow("one label") << QByteArray("com") << QByteArray("com");
    QTest::newRow("nothing") << QByteArray() << QByteArray();
}

void TestSpamUri::namesRegisteredDomain()
{
    QFETCH(QByteArray, host);
    QFETCH(QByteArray, domain);
    QCOMPARE(m_domains.registeredDomain(host), domain);
}

void TestSpamUri::namesHostOfUri_data()
{
    QTest::addColumn<QByteArray>("uri");
    QTest::addColumn<QByteArray>("host");
    const auto row = [](const char *uri, const char *host) {
        QTest::newRow(uri) << QByteArray(uri) << QByteArray(host);
    };
    row("http://WWW.Example.com:80/x", "www.example.com");
    row("http://u@example.com?x", "example.com");
    row("example.com", "example.com");
    row("mailto:a@example.com?x", "example.com");
    row("mailto:a@b@example.com", "");
    row("javascript:www.example.com", "");
    row("cid:x@example.com", "");
    row("http://192.0.2.1/", "192.0.2.1");
    row("http://192.0.2.01/", "");
    row("http://192.0.2.256/", "");
    row("http://ex%61mple.com/", "");
    row("http://-example.com/", "");
    row("http://a_b.example.com/", "a_b.example.com");
    row("http://a.ex_ample.com/", "");
    row("http://example.com./", "");
    row("http://example.nosuchtld/", "");
    row("http://com/", "");
    row("", "");
}

void TestSpamUri::namesHostOfUri()
{
    QFETCH(QByteArray, uri);
    QFETCH(QByteArray, host);
    QCOMPARE(m_domains.hostOfUri(uri).host, host);
}

void TestSpamUri::convertsNamesBeyondAsciiIfAsked()
{
    UriSettings settings;
    settings.convertsIdn = true;
    const DomainTable converting(exampleRules(), settings);
    const QByteArray uri("http://b\xc3\xbc\x63her.example.com/");
    QCOMPARE(joined(canonicalUris(uri, converting)),
             joinedSorted(uri + " http://xn--bcher-kva.example.com/"));
    QCOMPARE(converting.hostOfUri(uri).host, QByteArray("xn--bcher-kva.example.com"));
    QCOMPARE(joined(canonicalUris(uri, m_domains)), uri);
}

void TestSpamUri::marksWhereUrisComeFrom()
{
    UriCollector collector(m_domains);
    collector.addText("http://example.com/ example.net joe@example.org");
    const std::vector<HtmlUri> links{{"http://example.com/", "a", "Here"},
                                     {"http://example.com/", "a", "Here"},
                                     {"http://example.com/", "img", {}},
                                     {"x.html", "", "Elsewhere"}};
    collector.addHtml(links);
    const UriList list = collector.take();
    QCOMPARE(list.size(), size_t(4));
    QCOMPARE(joined(list.details[0].types), QByteArray("a img parsed"));
    QCOMPARE(joined(list.details[0].anchorTexts), QByteArray("Here"));
    QCOMPARE(joined(list.details[1].types), QByteArray("parsed schemeless unlinked"));
    QCOMPARE(joined(list.details[2].types), QByteArray("parsed schemeless"));
    QCOMPARE(joined(list.details[3].types), QByteArray("parsed"));
    QVERIFY(list.details[0].hasType("img"));
    QCOMPARE(
        joined(list.cleaned),
        QByteArray("http://example.com/ http://example.net http://x.html mailto:joe@example.org "
                   "x.html"));
}

void TestSpamUri::keepsLinksByPart()
{
    UriCollector collector(m_domains);
    const std::vector<HtmlUri> first{{"http://a.example.com/", "a", ""},
                                     {"http://a.example.com/", "a", "two"}};
    const std::vector<HtmlUri> second{{"http://a.example.com/", "link", {}}};
    collector.addHtml(first);
    collector.addHtml(second);
    const UriList list = collector.take();
    QCOMPARE(list.size(), size_t(1));
    QCOMPARE(list.htmlParts.size(), size_t(2));
    QCOMPARE(list.htmlParts[0].links[0].anchorTexts.size(), size_t(2));
    QVERIFY(list.htmlParts[1].links[0].anchorTexts.empty());
}

void TestSpamUri::readsDomainsOfSignatures()
{
    UriCollector collector(m_domains);
    collector.addSignature("v=1; a=rsa; d=Mail.example.com; s=x; bh=d=");
    const UriList list = collector.take();
    QCOMPARE(list.size(), size_t(1));
    QCOMPARE(list.details[0].raw, QByteArray("domainkeys:Mail.example.com"));
    QVERIFY(list.details[0].hasType("domainkeys"));
    QCOMPARE(joined(list.details[0].domains), QByteArray("example.com"));
    QVERIFY(list.cleaned.empty());
}

void TestSpamUri::cutsWhatIsTooLong()
{
    UriCollector collector(m_domains);
    const std::vector<HtmlUri> links{{"http://example.com/" + QByteArray(9'000, 'x'), "a", "text"}};
    collector.addHtml(links);
    const UriList list = collector.take();
    QVERIFY(list.isTruncated);
    QCOMPARE(list.details[0].cleaned.front().size(), 8'192);
}

void TestSpamUri::staysWithinItsLimits()
{
    UriSettings settings;
    settings.limits.uris = 100;
    settings.limits.forms = 10;
    const DomainTable strict(exampleRules(), settings);
    UriCollector collector(strict);
    QByteArray line;
    for (int at = 0; at < 500; ++at) {
        line += "n" + QByteArray::number(at) + ".example.com ";
    }
    collector.addText(line);
    QCOMPARE(collector.take().size(), size_t(100));
    QVERIFY(canonicalUris(QByteArray("http://a.b/").repeated(400), strict).size() <= 10);
}

void TestSpamUri::reportsPatternsItCannotUse()
{
    RuleSet rules;
    Directive line;
    line.value = "/(unclosed/i";
    rules.directives["redirector_pattern"].push_back(line);
    QCOMPARE(DomainTable(rules).problems().size(), size_t(1));
}

QTEST_GUILESS_MAIN(TestSpamUri)
#include "TestSpamUri.moc"
