// SPDX-License-Identifier: GPL-2.0-or-later
#include "BayesOracle.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>

#include <algorithm>
#include <map>

namespace portcullis::testing {

namespace {

Error oracleError(const QString &reason)
{
    return Error::permanent("test.oracle", reason);
}

std::vector<QByteArray> textsOf(const QJsonValue &array)
{
    std::vector<QByteArray> texts;
    for (const QJsonValue value : array.toArray()) {
        texts.push_back(octetsOf(value));
    }
    return texts;
}

std::vector<spam::TokenSources::Field> fieldsOf(const QJsonValue &array)
{
    std::vector<spam::TokenSources::Field> fields;
    for (const QJsonValue value : array.toArray()) {
        const QJsonArray pair = value.toArray();
        fields.emplace_back(octetsOf(pair[0]), octetsOf(pair[1]));
    }
    return fields;
}

QString corporaFolder()
{
    const QString set = qEnvironmentVariable("PORTCULLIS_CORPORA");
    return (set.isEmpty() ? QStringLiteral(PORTCULLIS_SOURCE_DIR "/../shared/corpora") : set)
           + QStringLiteral("/mail/");
}

}  // namespace

Result<std::unique_ptr<BayesOracle>> BayesOracle::start()
{
    auto oracle = std::unique_ptr<BayesOracle>(new BayesOracle);
    QProcess probe;
    probe.start(QStringLiteral("perl"),
                {QStringLiteral("-MMail::SpamAssassin"), QStringLiteral("-e"),
                 QStringLiteral("exit(Mail::SpamAssassin->VERSION eq '4.000001' ? 0 : 1)")});
    if (!probe.waitForFinished(60'000) || probe.exitCode() != 0) {
        return oracleError(QStringLiteral("SpamAssassin 4.0.1 is not installed"));
    }
    oracle->m_process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    oracle->m_process.start(
        QStringLiteral("perl"),
        {QStringLiteral(PORTCULLIS_SOURCE_DIR "/tests/integration/spam-learning/bayes_oracle.pl"),
         oracle->m_home.path()});
    if (!oracle->m_process.waitForStarted()) {
        return oracleError(oracle->m_process.errorString());
    }
    return oracle;
}

BayesOracle::~BayesOracle()
{
    m_process.closeWriteChannel();
    if (!m_process.waitForFinished(30'000)) {
        m_process.kill();
        m_process.waitForFinished();
    }
}

void BayesOracle::tell(const QByteArray &command)
{
    m_process.write(command + '\n');
}

QJsonValue BayesOracle::ask(const QByteArray &command)
{
    tell(command);
    while (!m_process.canReadLine()) {
        if (!m_process.waitForReadyRead(600'000)) {
            return {};
        }
    }
    // Answers may be plain strings, which are no documents: wrapped they are.
    const QByteArray line = m_process.readLine().trimmed();
    return QJsonDocument::fromJson('[' + QString::fromLatin1(line).toUtf8() + ']').array().at(0);
}

QByteArray octetsOf(const QJsonValue &value)
{
    return value.toString().toLatin1();
}

spam::TokenSources sourcesOf(const QJsonValue &answer)
{
    spam::TokenSources sources;
    sources.visible = textsOf(answer[QLatin1String("visible")]);
    sources.invisible = textsOf(answer[QLatin1String("invisible")]);
    sources.uris = textsOf(answer[QLatin1String("uris")]);
    sources.fields = fieldsOf(answer[QLatin1String("fields")]);
    sources.metadata = fieldsOf(answer[QLatin1String("metadata")]);
    return sources;
}

spam::RuleSet stockBayesRules()
{
    spam::RuleSet rules;
    const QDir folder(QStringLiteral("/usr/share/spamassassin"));
    for (const QString &name : folder.entryList({QStringLiteral("*.cf")}, QDir::Files)) {
        QFile file(folder.filePath(name));
        if (!file.open(QIODevice::ReadOnly)) {
            continue;
        }
        while (!file.atEnd()) {
            const QByteArray line = file.readLine().trimmed();
            if (line.startsWith("bayes_")) {
                const qsizetype end = std::min(line.indexOf(' ') & 0xFFFF,
                                               line.indexOf('\t') & 0xFFFF);
                rules.directives[line.left(end).toLower()].push_back({line.mid(end).trimmed(), {}});
            }
        }
    }
    return rules;
}

Result<std::unique_ptr<MailSample>> MailSample::unpack(int each)
{
    const QString corpora = corporaFolder();
    auto sample = std::make_unique<MailSample>();
    std::map<std::pair<QByteArray, QByteArray>, int> taken;
    for (const char *name : {"spamassassin", "trec07p", "phishing-pot"}) {
        const QString base = corpora + QString::fromLatin1(name) + QStringLiteral(".dev.");
        QFile index(base + QStringLiteral("index.tsv"));
        if (!index.open(QIODevice::ReadOnly)) {
            return Error::permanent("test.corpora", QStringLiteral("the mail corpora are missing"));
        }
        QFile list(sample->m_folder.filePath(QStringLiteral("list")));
        if (!list.open(QIODevice::WriteOnly)) {
            return Error::permanent("test.corpora", list.errorString());
        }
        std::vector<std::pair<QByteArray, LabelledMail>> lines;
        while (!index.atEnd()) {
            const QByteArrayList fields = index.readLine().split('\t');
            if (fields.size() > 2 && fields[0].endsWith(".eml")) {
                // In the order of their digests: mixed, and the same in each run.
                lines.push_back({fields[2], {fields[0], fields[1] != "ham"}});
            }
        }
        std::sort(lines.begin(), lines.end(),
                  [](const auto &a, const auto &b) { return a.first < b.first; });
        for (auto &[digest, mail] : lines) {
            if (taken[{name, mail.isSpam ? "spam" : "ham"}]++ < each) {
                list.write(mail.path + '\n');
                mail.path = QFile::encodeName(sample->m_folder.path()) + '/' + mail.path;
                sample->m_mails.push_back(mail);
            }
        }
        list.close();
        QProcess tar;
        tar.start(QStringLiteral("tar"),
                  {QStringLiteral("-xJf"), base + QStringLiteral("tar.xz"), QStringLiteral("-C"),
                   sample->m_folder.path(), QStringLiteral("-T"), list.fileName()});
        if (!tar.waitForFinished(120'000) || tar.exitCode() != 0) {
            return Error::permanent("test.corpora", QStringLiteral("tar failed for ") + base);
        }
    }
    return sample;
}

}  // namespace portcullis::testing
