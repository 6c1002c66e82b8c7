// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/verdict/Codec.h"
#include "appliance/verdict/FilterClient.h"

#include <QtCore/QTemporaryDir>
#include <QtNetwork/QLocalServer>
#include <QtNetwork/QLocalSocket>
#include <QtTest/QTest>

using namespace portcullis;
using namespace portcullis::verdict;

namespace {

/// A filter that behaves as a test says: answers these bytes and closes, or says nothing.
class ScriptedFilter
{
public:
    enum class Then { Close, StaySilent };

    ScriptedFilter(const QString &path, QByteArray answer, Then then, qsizetype after = 1)
    {
        m_server.listen(path);
        QObject::connect(&m_server, &QLocalServer::newConnection, [this, answer, then, after] {
            QLocalSocket *socket = m_server.nextPendingConnection();
            QObject::connect(socket, &QLocalSocket::readyRead, socket, [=, this] {
                m_received += socket->readAll().size();
                if (then == Then::Close && m_received >= after) {
                    socket->write(answer);
                    socket->disconnectFromServer();
                }
            });
        });
    }

private:
    QLocalServer m_server;
    qsizetype m_received = 0;
};

FilterRequest request()
{
    FilterRequest request;
    request.queueId = "A1";
    request.content = mail::Content("Subject: x\r\n\r\n");
    return request;
}

QByteArray wire(const Frame &frame)
{
    QByteArray bytes = encodeFrameHead(frame);
    for (const mail::Content &content : frame.contents) {
        bytes += content.toByteArray();
    }
    return bytes;
}

}  // namespace

class TestFilterJob : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void reportsFilterThatIsNotThere();
    void reportsWorkerThatDied_data();
    void reportsWorkerThatDied();
    void reportsSilence();
    void handsTheVerdictOnWithTheOriginal();
    void sendsMoreThanTheSocketHolds();

private:
    Result<FilterResponse> ask(const QByteArray &answer,
                               ScriptedFilter::Then then,
                               std::chrono::milliseconds timeout = std::chrono::seconds(20));
    QTemporaryDir m_folder;
};

Result<FilterResponse> TestFilterJob::ask(const QByteArray &answer,
                                          ScriptedFilter::Then then,
                                          std::chrono::milliseconds timeout)
{
    const QString path = m_folder.filePath(QStringLiteral("filter.sock"));
    QLocalServer::removeServer(path);
    const ScriptedFilter filter(path, answer, then);
    return askFilter(path, m_folder.path(), request(), timeout);
}

void TestFilterJob::reportsFilterThatIsNotThere()
{
    const auto result = askFilter(m_folder.filePath(QStringLiteral("nobody.sock")), m_folder.path(),
                                  request(), std::chrono::seconds(20));
    QVERIFY(!result.has_value());
    QCOMPARE(result.error().id, QByteArray("filter.unavailable"));
    QVERIFY(result.error().isTransient());
}

void TestFilterJob::reportsWorkerThatDied_data()
{
    FilterResponse response;
    response.contents = {mail::Content(), mail::Content("changed")};
    const QByteArray whole = wire(encodeResponse(response));
    QTest::addColumn<QByteArray>("answer");
    QTest::newRow("before a byte") << QByteArray();
    QTest::newRow("inside the head") << whole.first(10);
    QTest::newRow("inside a content") << whole.chopped(1);
}

void TestFilterJob::reportsWorkerThatDied()
{
    QFETCH(QByteArray, answer);
    const auto result = ask(answer, ScriptedFilter::Then::Close);
    QVERIFY(!result.has_value());
    QCOMPARE(result.error().id, QByteArray("filter.crashed"));
}

void TestFilterJob::reportsSilence()
{
    const auto result = ask({}, ScriptedFilter::Then::StaySilent, std::chrono::milliseconds(50));
    QVERIFY(!result.has_value());
    QCOMPARE(result.error().id, QByteArray("filter.timeout"));
}

void TestFilterJob::handsTheVerdictOnWithTheOriginal()
{
    FilterResponse response;
    response.contents = {mail::Content(), mail::Content("changed")};
    const auto result = ask(wire(encodeResponse(response)), ScriptedFilter::Then::Close);
    QVERIFY(result.has_value());
    QCOMPARE(result->contents[0].toByteArray(), QByteArray("Subject: x\r\n\r\n"));
    QCOMPARE(result->contents[1].toByteArray(), QByteArray("changed"));
}

void TestFilterJob::sendsMoreThanTheSocketHolds()
{
    FilterRequest large = request();
    large.content = mail::Content(QByteArray(8 * 1024 * 1024, 'x'));
    FilterResponse response;
    response.contents = {mail::Content()};
    const QString path = m_folder.filePath(QStringLiteral("filter.sock"));
    QLocalServer::removeServer(path);
    const ScriptedFilter filter(path, wire(encodeResponse(response)), ScriptedFilter::Then::Close,
                                wire(encodeRequest(large)).size());
    const auto result = askFilter(path, m_folder.path(), large, std::chrono::seconds(20));
    QVERIFY(result.has_value());
    QCOMPARE(result->contents[0].size(), large.content.size());
}

QTEST_GUILESS_MAIN(TestFilterJob)
#include "TestFilterJob.moc"
