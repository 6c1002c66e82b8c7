// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/antivirus/ClamEngine.h"
#include "appliance/antivirus/DatabaseStamp.h"
#include "appliance/config/ConfigLoader.h"
#include "appliance/daemons/pmg-smtp-filter/SpamRoom.h"
#include "appliance/filter/Pipeline.h"
#include "appliance/filter/Prefork.h"

#include <memory>

namespace portcullis {

/// Configuration and signatures as the master of pmg-smtp-filter holds them: loaded before workers
/// are forked, loaded again when the files change. A load that fails leaves everything as it was.
class EngineRoom
{
public:
    explicit EngineRoom(config::ConfigLoader loader);

    /// For Prefork::Hooks.
    Result<filter::PreforkSettings> prepare();
    [[nodiscard]] bool needsReload();

    /// A worker's pipeline: shares the signatures, owns everything else.
    [[nodiscard]] std::unique_ptr<filter::Pipeline> makePipeline() const;
    /// Removes what killed workers have left in the scanner's scratch folder.
    void sweepScratch() const;
    /// Whether Bayes or address reputation is on, by the configuration in force.
    [[nodiscard]] bool learns() const;
    /// Whether Razor or Pyzor may be asked, by the configuration in force and what is installed.
    [[nodiscard]] bool asksFingerprints() const;
    [[nodiscard]] QString scratchFolder() const { return m_loader.paths().scratch(); }

private:
    /// What loadSigningKey() would read; changes whenever it may.
    [[nodiscard]] QByteArray keyStamp(const config::Config &config) const;
    void loadSigningKey();
    void loadAuthenticator();
    [[nodiscard]] QString keyFile(const config::Config &config) const;
    [[nodiscard]] std::unique_ptr<filter::SenderCheck> makeSenderCheck() const;
    Status loadSignatures(const config::Config &config);
    [[nodiscard]] antivirus::ClamSettings clamSettings(const config::Config &config) const;
    [[nodiscard]] filter::FilterSettings filterSettings() const;
    [[nodiscard]] filter::Engines makeEngines() const;

    config::ConfigLoader m_loader;
    config::ConfigPtr m_config;
    QByteArray m_configStamp;  ///< Of the last load that was tried.
    std::shared_ptr<const antivirus::ClamEngine> m_clam;
    antivirus::DatabaseStamp m_databaseStamp;  ///< Of the last load that was tried.
    antivirus::DatabaseStamp m_seenStamp;      ///< Of the last look.
    QByteArray m_clamConfig;                   ///< Settings that the engine was loaded with.
    SpamRoom m_spam;
    std::shared_ptr<const authentication::PublicSuffixes> m_suffixes;
    std::shared_ptr<const authentication::Authenticator> m_authenticator;
    std::shared_ptr<const filter::OutgoingSigner> m_signer;  ///< Null: `dkim_sign` is off.
    QByteArray m_keyStamp;                                   ///< Of the last load that was tried.
};

}  // namespace portcullis
