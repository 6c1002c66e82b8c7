// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/FingerprintService.h"

#include "appliance/spam/network/FingerprintPool.h"

#include <QtCore/QDir>
#include <QtCore/QFileInfo>
#include <QtCore/QSaveFile>

namespace portcullis::spam {

namespace {

constexpr auto perlProgram = "/usr/bin/perl";
constexpr auto razorProgram = "/usr/bin/razor-check";  ///< Not run: what it is made of is.
constexpr auto pyzorProgram = "/usr/bin/pyzor";

/// Razor's own defaults fill a log file with every server it meets.
constexpr auto razorConfiguration = "# Made by Portcullis; change what you like.\n"
                                    "debuglevel = 0\n"
                                    "logfile = /dev/null\n"
                                    "logic_method = 4\n";

/// One asking worker. Ends itself when its socket does.
class FingerprintConnection final : public QObject
{
public:
    using Ask = std::function<void(FingerprintNetwork, FingerprintJob)>;

    FingerprintConnection(QLocalSocket *socket, const FingerprintLimits &limits, Ask ask)
        : m_socket(socket)
        , m_limits(limits)
        , m_ask(std::move(ask))
    {
        m_socket->setParent(this);
        m_socket->setReadBufferSize(FingerprintHead::size + limits.message);
        connect(m_socket, &QLocalSocket::readyRead, this, [this] { read(); });
        connect(m_socket, &QLocalSocket::disconnected, this, &QObject::deleteLater);
        m_patience.setSingleShot(true);
        connect(&m_patience, &QTimer::timeout, this, [this] { m_socket->abort(); });
        m_patience.start(limits.deadline);
    }

private:
    void read()
    {
        if (m_isAsked) {
            m_socket->readAll();
            return;
        }
        if (!m_head) {
            if (m_socket->bytesAvailable() < FingerprintHead::size) {
                return;
            }
            m_head = FingerprintHead::decode(m_socket->read(FingerprintHead::size), m_limits);
            m_since = std::chrono::steady_clock::now();
            if (!m_head) {
                m_socket->abort();
                return;
            }
        }
        if (m_socket->bytesAvailable() >= static_cast<qint64>(m_head->messageSize)) {
            m_isAsked = true;
            ask(m_socket->read(m_head->messageSize));
        }
    }

    void ask(QByteArray message)
    {
        const QPointer<FingerprintConnection> self(this);
        m_ask(m_head->network, {std::move(message), m_since + m_head->deadline,
                                [self](const std::optional<QByteArray> &reply) {
                                    if (self) {
                                        self->answer(reply.value_or(QByteArray()));
                                    }
                                }});
    }

    void answer(const QByteArray &reply)
    {
        m_socket->write(reply);
        m_socket->disconnectFromServer();
    }

    QLocalSocket *m_socket;
    FingerprintLimits m_limits;
    Ask m_ask;
    QTimer m_patience;
    std::optional<FingerprintHead> m_head;
    std::chrono::steady_clock::time_point m_since;
    bool m_isAsked = false;
};

bool isProgram(const QByteArray &path)
{
    return QFileInfo(QFile::decodeName(path)).isExecutable();
}

ChildCommand commandIn(const QString &folder)
{
    ChildCommand command;
    command.environment.push_back("HOME=" + QFile::encodeName(folder));
    command.workingFolder = QFile::encodeName(folder);
    return command;
}

/// False: no settings file, and none could be made.
bool haveRazorSettings(const QString &folder)
{
    const QString path = folder + QStringLiteral("/razor-agent.conf");
    if (QFileInfo::exists(path)) {
        return true;
    }
    QSaveFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(razorConfiguration) > 0 && file.commit();
}

}  // namespace

FingerprintService::FingerprintService(FingerprintServiceSettings settings, QObject *parent)
    : QObject(parent)
    , m_settings(std::move(settings))
{
    for (const auto &[network, program] : m_settings.programs) {
        m_pools.emplace(network, std::make_unique<FingerprintPool>(network, program, m_settings));
    }
    m_server.setMaxPendingConnections(m_settings.connections);
    connect(&m_server, &QLocalServer::newConnection, this, [this] { acceptPending(); });
}

FingerprintService::~FingerprintService()
{
    m_server.close();
}

Status FingerprintService::listen(const QString &path)
{
    QLocalServer::removeServer(path);
    m_server.setSocketOptions(QLocalServer::UserAccessOption | QLocalServer::GroupAccessOption);
    if (!m_server.listen(path)) {
        return Error::permanent("fingerprints.listen",
                                QStringLiteral("%1: %2").arg(path, m_server.errorString()));
    }
    return ok();
}

int FingerprintService::agents(FingerprintNetwork network) const
{
    const auto found = m_pools.find(network);
    return found == m_pools.end() ? 0 : found->second->agents();
}

void FingerprintService::acceptPending()
{
    while (QLocalSocket *socket = m_server.nextPendingConnection()) {
        if (m_connections >= m_settings.connections) {
            socket->abort();
            socket->deleteLater();
            continue;
        }
        ++m_connections;
        auto *connection = new FingerprintConnection(  // Ends itself.
            socket, m_settings.limits, [this](FingerprintNetwork network, FingerprintJob job) {
                const auto pool = m_pools.find(network);
                pool == m_pools.end() ? job.done(std::nullopt) : pool->second->take(std::move(job));
            });
        connection->setParent(this);
        connect(connection, &QObject::destroyed, this, [this] { --m_connections; });
    }
}

bool areFingerprintProgramsInstalled(bool withRazor)
{
    return (withRazor && isProgram(razorProgram) && isProgram(perlProgram))
           || isProgram(pyzorProgram);
}

std::map<FingerprintNetwork, FingerprintProgram> installedFingerprintPrograms(const QString &home)
{
    std::map<FingerprintNetwork, FingerprintProgram> programs;
    const QString razorHome = home + QStringLiteral("/razor");
    const QByteArray driver = findHelperProgram("pmg-razor-agent", PORTCULLIS_LIBEXEC);
    if (isProgram(razorProgram) && isProgram(perlProgram) && isProgram(driver)
        && QDir().mkpath(razorHome) && haveRazorSettings(razorHome)) {
        FingerprintProgram razor{commandIn(razorHome), FingerprintProgram::Manner::Resident};
        razor.command.program = perlProgram;
        razor.command.arguments = {driver, QFile::encodeName(razorHome)};
        programs.emplace(FingerprintNetwork::Razor, std::move(razor));
    }
    const QString pyzorHome = home + QStringLiteral("/pyzor");
    if (isProgram(pyzorProgram) && QDir().mkpath(pyzorHome)) {
        FingerprintProgram pyzor{commandIn(pyzorHome), FingerprintProgram::Manner::OneAMessage};
        pyzor.command.program = pyzorProgram;
        pyzor.command.arguments = {"--homedir", QFile::encodeName(pyzorHome), "check"};
        programs.emplace(FingerprintNetwork::Pyzor, std::move(pyzor));
    }
    return programs;
}

}  // namespace portcullis::spam
