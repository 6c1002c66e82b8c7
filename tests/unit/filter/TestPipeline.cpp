// SPDX-License-Identifier: GPL-2.0-or-later
// The whole way of a message through the filter, with the real ClamAV engine and our signatures.
#include "appliance/antivirus/ClamEngine.h"
#include "appliance/filter/Pipeline.h"
#include "appliance/rules/RuleDocument.h"
#include "appliance/spam/GtubeEngine.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

using namespace portcullis;
using verdict::Fate;
using verdict::FilterRequest;
using verdict::FilterResponse;

namespace {

// In halves, so that a scanner does not take this file away.
QByteArray eicar()
{
    return QByteArray("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR") + "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
}

QByteArray gtube()
{
    return QByteArray("XJS*C4JDBQADN1.NSBN3*2IDNEN*") + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
}

QByteArray plainMail(const QByteArray &body = "Hello\r\n")
{
    return "Received: from a (b [192.0.2.1])\r\n\tby c; Tue, 14 Nov 2023 22:13:20 +0000\r\n"
           "From: Anna <anna@sender.example>\r\nTo: b@ours.example\r\nSubject: Hi\r\n"
           "Message-ID: <1@sender.example>\r\n\r\n"
           + body;
}

QByteArray mailWith(const QByteArray &fileName, const QByteArray &type, const QByteArray &bytes)
{
    return "From: anna@sender.example\r\nTo: b@ours.example\r\nSubject: File\r\nMIME-Version: "
           "1.0\r\n"
           "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n"
           "--b1\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n"
           "--b1\r\nContent-Type: "
           + type + "; name=\"" + fileName + "\"\r\nContent-Disposition: attachment; filename=\""
           + fileName + "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + bytes.toBase64()
           + "\r\n--b1--\r\n";
}

FilterRequest requestFor(const QByteArray &mail,
                         mail::Direction direction = mail::Direction::In,
                         const std::vector<QByteArray> &recipients = {"b@ours.example"},
                         const QByteArray &sender = "anna@sender.example")
{
    FilterRequest request;
    request.queueId = "TESTID";
    request.direction = direction;
    request.client.address = QHostAddress(QStringLiteral("192.0.2.1"));
    request.envelope.sender = sender.isEmpty() ? mail::Address()
                                               : mail::Address::parse(sender).value();
    for (const QByteArray &recipient : recipients) {
        request.envelope.recipients.push_back({mail::Address::parse(recipient).value(), {}, {}});
    }
    request.receivedAt = Clock::WallTime(std::chrono::seconds(1'700'000'000));
    request.content = mail::Content(mail);
    return request;
}

/// A rule document as an administrator would import it.
QByteArray document(const QByteArray &groups, const QByteArray &rules)
{
    return "{\"format\":1,\"groups\":[" + groups + "],\"rules\":[" + rules + "]}";
}

class BrokenScanner final : public antivirus::Scanner
{
public:
    [[nodiscard]] QByteArray name() const override { return "broken"; }
    [[nodiscard]] Result<antivirus::ScanFinding> scan(const mail::Content & /*content*/,
                                                      QByteArrayView /*queueId*/) const override
    {
        return Error::transient("broken.scan", QStringLiteral("no answer"));
    }
};

}  // namespace

class TestPipeline : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void factoryRulesDecide_data();
    void factoryRulesDecide();
    void unmodifiedMailIsTheSameBytes();
    void virusIsQuarantinedWithNoticeToTheAdministrator();
    void spamCopyCarriesTheMarkedSubject();
    void dangerousFileIsReplacedByANote();
    void senderCannotForgeOurHeader();
    void whatCouldNotBeScannedIsMarked();
    void recipientsWithOtherFatesGetOtherCopies();
    void processedBccFollowsEachGroup();
    void originalBccIsSentOnce();
    void disclaimerReachesEverySubgroup();
    void hiddenReceivedLeavesOneHop();
    void notificationToNullSenderIsNotSent();
    void scannerWithoutAnswerDefers();
    void dryRunExplains();

private:
    std::unique_ptr<filter::Pipeline> pipelineWith(const QByteArray &json);
    std::unique_ptr<filter::Pipeline> factoryPipeline();
    FilterResponse judge(const std::unique_ptr<filter::Pipeline> &pipeline,
                         const FilterRequest &request);

    QTemporaryDir m_folder;
    filter::FilterSettings m_settings;
    std::vector<std::shared_ptr<const antivirus::Scanner>> m_scanners;
};

void TestPipeline::initTestCase()
{
    antivirus::ClamSettings settings;
    settings.scratchFolder = m_folder.path();
    auto engine = antivirus::ClamEngine::load(
        QStringLiteral(PORTCULLIS_SOURCE_DIR "/resources/signatures"), settings);
    QVERIFY2(engine.has_value(), engine ? "" : qPrintable(engine.error().toString()));
    m_scanners = {*engine};
    m_settings.administrator = mail::Address::parse("admin@ours.example").value();
    m_settings.mailFrom = mail::Address::parse("postmaster@gate.ours.example").value();
    m_settings.mailFromName = QStringLiteral("Gateway");
    m_settings.fqdn = QStringLiteral("gate.ours.example");
    m_settings.scratchFolder = m_folder.path();
}

std::unique_ptr<filter::Pipeline> TestPipeline::pipelineWith(const QByteArray &json)
{
    const auto parsed = rules::RuleDocument::fromJson(json);
    if (!parsed) {
        qFatal("%s", qPrintable(parsed.error().toString()));
    }
    rules::StoredDocument stored;
    stored.json = parsed->toJson();
    stored.entry.sha256 = QCryptographicHash::hash(stored.json, QCryptographicHash::Sha256).toHex();
    const QString file = m_folder.filePath(QStringLiteral("rules.json"));
    if (const Status status = rules::RulesCache(file).write(stored); !status) {
        qFatal("%s", qPrintable(status.error().toString()));
    }
    filter::Engines engines;
    engines.scanners = m_scanners;
    engines.archiveInspector = std::make_unique<archive::ArchiveInspector>(
        archive::InspectorSettings());
    engines.spam = std::make_unique<spam::GtubeEngine>();
    return std::make_unique<filter::Pipeline>(m_settings, std::move(engines), file);
}

std::unique_ptr<filter::Pipeline> TestPipeline::factoryPipeline()
{
    return pipelineWith(rules::factoryDefaults().toJson());
}

FilterResponse TestPipeline::judge(const std::unique_ptr<filter::Pipeline> &pipeline,
                                   const FilterRequest &request)
{
    auto response = pipeline->judge(request);
    if (!response) {
        qFatal("%s", qPrintable(response.error().toString()));
    }
    return *std::move(response);
}

void TestPipeline::factoryRulesDecide_data()
{
    QTest::addColumn<FilterRequest>("request");
    QTest::addColumn<Fate>("fate");
    QTest::addColumn<QString>("rule");
    const QByteArray infected = mailWith("eicar.com", "application/octet-stream", eicar());
    QTest::newRow("plain mail is delivered")
        << requestFor(plainMail()) << Fate::Delivered << QStringLiteral("default-accept");
    QTest::newRow("incoming virus is quarantined")
        << requestFor(infected) << Fate::Quarantined << QStringLiteral("Block Viruses");
    QTest::newRow("outgoing virus is blocked") << requestFor(infected, mail::Direction::Out)
                                               << Fate::Blocked << QStringLiteral("Virus Alert");
    QTest::newRow("incoming spam is quarantined")
        << requestFor(plainMail(gtube() + "\r\n")) << Fate::Quarantined
        << QStringLiteral("Quarantine/Mark Spam (Level 3)");
    QTest::newRow("outgoing spam passes, its rule is inactive")
        << requestFor(plainMail(gtube() + "\r\n"), mail::Direction::Out) << Fate::Delivered
        << QStringLiteral("default-accept");
    QTest::newRow("sender on the blocklist is blocked")
        << requestFor(plainMail(), mail::Direction::In, {"b@ours.example"},
                      "nomail@fromthisdomain.example")
        << Fate::Blocked << QStringLiteral("Blocklist");
    QTest::newRow("spam of a sender on the welcomelist is delivered")
        << requestFor(plainMail(gtube() + "\r\n"), mail::Direction::In, {"b@ours.example"},
                      "mail@fromthisdomain.example")
        << Fate::Delivered << QStringLiteral("Welcomelist");
}

void TestPipeline::factoryRulesDecide()
{
    QFETCH(FilterRequest, request);
    QFETCH(Fate, fate);
    QFETCH(QString, rule);
    const FilterResponse response = judge(factoryPipeline(), request);
    QCOMPARE(response.fates.size(), size_t(1));
    QCOMPARE(response.fates[0].rule, rule);
    QCOMPARE(response.fates[0].fate, fate);
    QVERIFY2(!response.fates[0].reason.isEmpty(), "every decision is explained");
}

void TestPipeline::unmodifiedMailIsTheSameBytes()
{
    const FilterResponse response = judge(pipelineWith(document("", "")), requestFor(plainMail()));
    QCOMPARE(response.outgoing.size(), size_t(1));
    QCOMPARE(response.outgoing[0].content, 0U);
    QCOMPARE(response.contents[0].toByteArray(), plainMail());
}

void TestPipeline::virusIsQuarantinedWithNoticeToTheAdministrator()
{
    const FilterResponse response = judge(
        factoryPipeline(), requestFor(mailWith("eicar.com", "application/octet-stream", eicar())));
    QCOMPARE(response.quarantined.size(), size_t(1));
    QCOMPARE(response.quarantined[0].kind, verdict::QuarantineKind::Virus);
    QVERIFY(response.quarantined[0].virus.contains(QLatin1String("eicar"), Qt::CaseInsensitive));
    QCOMPARE(response.outgoing.size(), size_t(1));
    const verdict::OutgoingMessage &notice = response.outgoing[0];
    QCOMPARE(notice.origin, verdict::Origin::Notification);
    QVERIFY2(notice.envelope.sender.isNull(), "R3: our own mail never causes an answer");
    QCOMPARE(notice.envelope.recipients[0].address.toString(), QByteArray("admin@ours.example"));
    const QByteArray text = response.contents[notice.content].toByteArray();
    QVERIFY(text.contains("Auto-Submitted: auto-generated"));
    QVERIFY(text.contains("Block Viruses"));
}

void TestPipeline::spamCopyCarriesTheMarkedSubject()
{
    const FilterResponse response = judge(factoryPipeline(),
                                          requestFor(plainMail(gtube() + "\r\n")));
    const verdict::QuarantineItem &item = response.quarantined.at(0);
    QCOMPARE(item.kind, verdict::QuarantineKind::Spam);
    QCOMPARE(item.spamLevel, 1000);
    const QByteArray kept = response.contents[item.content].toByteArray();
    QVERIFY(kept.contains("\r\nSubject: SPAM: Hi\r\n")
            || kept.contains("\r\nsubject: SPAM: Hi\r\n"));
    QVERIFY(kept.contains("GTUBE"));
    QVERIFY2(kept.endsWith(gtube() + "\r\n"), "the body is untouched");
}

void TestPipeline::dangerousFileIsReplacedByANote()
{
    const QByteArray program = "MZ\x90" + QByteArray(200, '\0') + "This program cannot be run";
    const FilterResponse response = judge(
        factoryPipeline(), requestFor(mailWith("setup.vbs", "application/octet-stream", program)));
    QCOMPARE(response.outgoing.size(), size_t(1));
    const QByteArray sent = response.contents[response.outgoing[0].content].toByteArray();
    QVERIFY(!sent.contains(program.toBase64().first(60)));
    QVERIFY(sent.contains("setup.vbs"));
    QVERIFY(sent.contains("REMOVED_ATTACHMENT_"));
    QVERIFY(sent.contains("See the file."));
}

void TestPipeline::senderCannotForgeOurHeader()
{
    const QByteArray forged = "X-SPAM-LEVEL: clean, trust me\r\n" + plainMail();
    const FilterResponse response = judge(factoryPipeline(), requestFor(forged));
    QVERIFY(!response.contents[response.outgoing.at(0).content].toByteArray().contains("trust me"));
}

void TestPipeline::whatCouldNotBeScannedIsMarked()
{
    const QByteArray twoWays = "X-Portcullis-State: all is well\r\nFrom: a@sender.example\r\n"
                               "MIME-Version: 1.0\r\n"
                               "Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n"
                               "--a\r\n\r\none\r\n--a--\r\n--b\r\n\r\ntwo\r\n--b--\r\n";
    const FilterResponse in = judge(pipelineWith(document("", "")), requestFor(twoWays));
    const QByteArray sent = in.contents[in.outgoing.at(0).content].toByteArray();
    QVERIFY(sent.contains("X-Portcullis-State: ambiguous: "));
    QVERIFY2(!sent.contains("all is well"), "a sender cannot say it for us");
    const FilterResponse plain = judge(pipelineWith(document("", "")), requestFor(plainMail()));
    QCOMPARE(plain.outgoing.at(0).content, 0U);
}

namespace {

constexpr char toBGroup[] =
    R"({"id":1,"class":"who","name":"B","objects":[{"type":1001,"email":"b@ours.example"}]})";
constexpr char markAction[] =
    R"({"id":2,"class":"action","name":"Mark","objects":[{"type":4003,"field":"X-Mark","value":"__RECEIVERS__"}]})";
constexpr char blockAction[] =
    R"({"id":3,"class":"action","name":"Block","objects":[{"type":4001}]})";

QByteArray bccAction(bool isOriginal)
{
    return QByteArray(
               R"({"id":4,"class":"action","name":"Copy","objects":[{"type":4005,"target":"log@ours.example","original":)")
           + (isOriginal ? "true" : "false") + "}]}";
}

QByteArray rule(const QByteArray &name, int priority, const QByteArray &places)
{
    return "{\"name\":\"" + name + "\",\"priority\":" + QByteArray::number(priority)
           + ",\"active\":true,\"direction\":2," + places + "}";
}

size_t countOrigin(const FilterResponse &response, verdict::Origin origin)
{
    return static_cast<size_t>(
        std::ranges::count(response.outgoing, origin, &verdict::OutgoingMessage::origin));
}

}  // namespace

void TestPipeline::recipientsWithOtherFatesGetOtherCopies()
{
    const QByteArray groups =
        QByteArray(toBGroup) + ',' + markAction + ',' + blockAction
        + R"(,{"id":5,"class":"who","name":"C","objects":[{"type":1001,"email":"c@ours.example"}]})";
    const QByteArray ruleList = rule("mark", 90, R"("to":[1],"action":[2])") + ','
                                + rule("block", 80, R"("to":[5],"action":[3])");
    const FilterResponse response = judge(
        pipelineWith(document(groups, ruleList)),
        requestFor(plainMail(), mail::Direction::In,
                   {"a@ours.example", "b@ours.example", "c@ours.example", "d@ours.example"}));
    QCOMPARE(response.fates[0].fate, Fate::Delivered);
    QCOMPARE(response.fates[2].fate, Fate::Blocked);
    QCOMPARE(response.fates[2].rule, QStringLiteral("block"));
    QCOMPARE(response.outgoing.size(), size_t(2));
    for (const verdict::OutgoingMessage &message : response.outgoing) {
        const QByteArray bytes = response.contents[message.content].toByteArray();
        const bool isForB = message.envelope.recipients[0].address.toString() == "b@ours.example";
        QCOMPARE(bytes.contains("X-Mark:"), isForB);
        QCOMPARE(message.envelope.recipients.size(), isForB ? size_t(1) : size_t(2));
        if (!isForB) {
            QCOMPARE(bytes, plainMail());
        }
    }
}

void TestPipeline::processedBccFollowsEachGroup()
{
    const QByteArray groups = QByteArray(toBGroup) + ',' + markAction + ',' + bccAction(false);
    const QByteArray ruleList = rule("mark", 90, R"("to":[1],"action":[2])") + ','
                                + rule("copy", 80, R"("action":[4])");
    const FilterResponse response = judge(
        pipelineWith(document(groups, ruleList)),
        requestFor(plainMail(), mail::Direction::In, {"a@ours.example", "b@ours.example"}));
    QCOMPARE(countOrigin(response, verdict::Origin::Bcc), size_t(2));
}

void TestPipeline::originalBccIsSentOnce()
{
    const QByteArray groups = QByteArray(toBGroup) + ',' + markAction + ',' + bccAction(true);
    const QByteArray ruleList = rule("mark", 90, R"("to":[1],"action":[2])") + ','
                                + rule("copy", 80, R"("action":[4])");
    const FilterResponse response = judge(
        pipelineWith(document(groups, ruleList)),
        requestFor(plainMail(), mail::Direction::In, {"a@ours.example", "b@ours.example"}));
    QCOMPARE(countOrigin(response, verdict::Origin::Bcc), size_t(1));
    const auto copy = std::ranges::find(response.outgoing, verdict::Origin::Bcc,
                                        &verdict::OutgoingMessage::origin);
    QCOMPARE(copy->content, 0U);
    QVERIFY(copy->envelope.recipients[0].notify == mail::Notify::Never);
}

void TestPipeline::disclaimerReachesEverySubgroup()
{
    const QByteArray groups =
        QByteArray(toBGroup) + ',' + markAction
        + R"(,{"id":6,"class":"action","name":"D","objects":[{"type":4009,"disclaimer":"<p>Mind the gap</p>"}]})";
    const QByteArray ruleList = rule("mark", 90, R"("to":[1],"action":[2])") + ','
                                + rule("legal", 80, R"("action":[6])");
    const FilterResponse response = judge(
        pipelineWith(document(groups, ruleList)),
        requestFor(plainMail(), mail::Direction::Out, {"a@x.example", "b@ours.example"}));
    QCOMPARE(response.outgoing.size(), size_t(2));
    for (const verdict::OutgoingMessage &message : response.outgoing) {
        QVERIFY(response.contents[message.content].toByteArray().contains("Mind the gap"));
    }
}

void TestPipeline::hiddenReceivedLeavesOneHop()
{
    m_settings.hidesReceived = true;
    const auto pipeline = pipelineWith(document("", ""));
    m_settings.hidesReceived = false;
    const FilterResponse out = judge(pipeline, requestFor(plainMail(), mail::Direction::Out));
    const QByteArray sent = out.contents[out.outgoing.at(0).content].toByteArray();
    QCOMPARE(sent.count("Received:"), 1);
    QVERIFY(!sent.contains("192.0.2.1"));
    QVERIFY(sent.startsWith("Received: by gate.ours.example id TESTID; "));
    const FilterResponse in = judge(pipeline, requestFor(plainMail()));
    QCOMPARE(in.outgoing.at(0).content, 0U);
}

void TestPipeline::notificationToNullSenderIsNotSent()
{
    const FilterResponse response = judge(
        factoryPipeline(), requestFor(mailWith("eicar.com", "application/octet-stream", eicar()),
                                      mail::Direction::Out, {"x@elsewhere.example"}, ""));
    QCOMPARE(countOrigin(response, verdict::Origin::Notification), size_t(1));
    QCOMPARE(response.outgoing[0].envelope.recipients[0].address.toString(),
             QByteArray("admin@ours.example"));
}

void TestPipeline::scannerWithoutAnswerDefers()
{
    const auto working = m_scanners;
    m_scanners = {std::make_shared<BrokenScanner>()};
    const auto pipeline = factoryPipeline();
    m_scanners = working;
    const auto response = pipeline->judge(requestFor(plainMail()));
    QVERIFY(!response.has_value());
    QCOMPARE(response.error().id, QByteArray("broken.scan"));
    QVERIFY(response.error().isTransient());
}

void TestPipeline::dryRunExplains()
{
    FilterRequest request = requestFor(plainMail(gtube() + "\r\n"));
    request.isDryRun = true;
    const FilterResponse response = judge(factoryPipeline(), request);
    QVERIFY(!response.explanation.isEmpty());
    QVERIFY(judge(factoryPipeline(), requestFor(plainMail())).explanation.isEmpty());
}

QTEST_GUILESS_MAIN(TestPipeline)
#include "TestPipeline.moc"
