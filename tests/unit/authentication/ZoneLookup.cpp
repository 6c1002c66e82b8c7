// SPDX-License-Identifier: GPL-2.0-or-later
#include "ZoneLookup.h"

#include <QtCore/QDir>
#include <QtCore/QFile>

namespace portcullis::authentication {

void ZoneLookup::add(const QByteArray &name, const QByteArray &record)
{
    TxtAnswer &answer = m_answers[name.toLower()];
    answer.kind = TxtAnswer::Kind::Records;
    answer.records.push_back(record);
}

void ZoneLookup::fail(const QByteArray &name)
{
    m_answers[name.toLower()] = {TxtAnswer::Kind::TemporaryFailure, {}};
}

void ZoneLookup::prefetch(const std::vector<QByteArray> &names)
{
    prefetched.insert(prefetched.end(), names.begin(), names.end());
}

TxtAnswer ZoneLookup::texts(const QByteArray &name)
{
    const auto it = m_answers.find(name);
    return it == m_answers.end() ? TxtAnswer() : it->second;
}

QString corporaFolder()
{
    const QString given = qEnvironmentVariable("PORTCULLIS_CORPORA");
    const QString folder = given.isEmpty()
                               ? QStringLiteral(PORTCULLIS_SOURCE_DIR "/../shared/corpora")
                               : given;
    return QDir(folder).exists() ? QDir(folder).absolutePath() : QString();
}

QByteArray fileContent(const QString &path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

QByteArray withCrlf(const QByteArray &text)
{
    QByteArray result = text;
    result.replace("\r\n", "\n");
    return result.replace('\n', "\r\n");
}

std::shared_ptr<const PublicSuffixes> systemSuffixes()
{
    static const auto list = [] {
        auto read = PublicSuffixes::read(PublicSuffixes::systemFile());
        return std::make_shared<const PublicSuffixes>(read ? *read : PublicSuffixes());
    }();
    return list;
}

QByteArray plainMessage(const QByteArray &from, const QByteArray &body)
{
    return "From: " + from
           + "\r\nTo: bob@example.com\r\nSubject: greetings\r\n"
             "Date: Mon, 2 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n"
           + body;
}

}  // namespace portcullis::authentication
